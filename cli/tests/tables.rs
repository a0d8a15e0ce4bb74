//! Columns of Parquet and Arrow files: every type of number, lists, tensors, compression, and what is
//! none of these.

use crate::common::{self, folder, npy_f32, put, run};
use arrow_array::builder::{FixedSizeListBuilder, Int32Builder, LargeListBuilder, ListBuilder};
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{Field, Schema};
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Exact in every float type.
const X: [f32; 12] = [0.5, -1.0, 2.0, 3.5, 4.0, -0.25, 7.0, 1.5, -2.0, 0.0, 6.0, -3.0];
const Y: [f32; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 1.0, 0.0, -1.0, 3.0, 5.0];

/// A table of the columns with their names; those of `Field` say more than their type.
fn table(columns: &[(Field, ArrayRef)]) -> RecordBatch {
    let fields: Vec<Field> = columns.iter().map(|(field, _)| field.clone()).collect();
    let columns = columns.iter().map(|(_, column)| column.clone()).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("a table")
}

fn column(name: &str, column: ArrayRef) -> (Field, ArrayRef) {
    (Field::new(name, column.data_type().clone(), true), column)
}

fn parquet(table: &RecordBatch, compression: Compression) -> Vec<u8> {
    // Groups of few rows, so that there are several.
    let properties = WriterProperties::builder().set_compression(compression);
    let properties = properties.set_max_row_group_row_count(Some(2)).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties)).expect("a writer");
    writer.write(table).expect("its rows");
    writer.into_inner().expect("a file")
}

fn arrow(table: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("options");
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &table.schema(), options).expect("a writer");
    for start in (0..table.num_rows()).step_by(2) {
        let rows = (table.num_rows() - start).min(2);
        writer.write(&table.slice(start, rows)).expect("its rows");
    }
    writer.into_inner().expect("a file")
}

/// The table in both formats, compressed and not, with the names of the files.
fn files(table: &RecordBatch) -> Vec<(&'static str, Vec<u8>)> {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    vec![
        ("plain.parquet", parquet(table, Compression::UNCOMPRESSED)),
        ("snappy.parquet", parquet(table, Compression::SNAPPY)),
        ("gzip.parquet", parquet(table, Compression::GZIP(GzipLevel::default()))),
        ("lz4.parquet", parquet(table, Compression::LZ4_RAW)),
        ("zstd.parquet", parquet(table, zstd)),
        ("plain.arrow", arrow(table, None)),
        ("zstd.arrow", arrow(table, Some(CompressionType::ZSTD))),
        ("lz4.feather", arrow(table, Some(CompressionType::LZ4_FRAME))),
    ]
}

fn expected() -> f64 {
    X.iter().zip(&Y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>() / 12.0
}

/// Reads `X` in this shape from each file.
fn check(table: &RecordBatch, member: &str, shape: &str, dtype: &str) {
    let folder = folder();
    put(folder.path(), "y.npy", npy_f32(shape, &Y));
    for (name, content) in files(table) {
        put(folder.path(), name, content);
        let input = format!("input={name}{member}");
        let run =
            run(folder.path(), &["eval", "mse", &input, "target=y.npy", "--json", "--backend=cpu"]);
        assert!((run.value() - expected()).abs() < 1e-4, "{input}: {run:?}");
        assert_eq!(run.json()["inputs"]["input"]["dtype"], dtype, "{input}");
    }
}

fn floats() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("float16", Arc::new(Float16Array::from_iter_values(X.map(f16::from_f32)))),
        ("float32", Arc::new(Float32Array::from(X.to_vec()))),
        ("float64", Arc::new(Float64Array::from(X.map(f64::from).to_vec()))),
    ]
}

/// The numbers in lists of so many.
fn lists(values: &ArrayRef, length: usize) -> [ArrayRef; 3] {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let lengths = || std::iter::repeat_n(length, values.len() / length);
    let fixed = i32::try_from(length).expect("a short list");
    [
        Arc::new(FixedSizeListArray::new(field.clone(), fixed, values.clone(), None)),
        Arc::new(ListArray::new(
            field.clone(),
            OffsetBuffer::from_lengths(lengths()),
            values.clone(),
            None,
        )),
        Arc::new(LargeListArray::new(
            field,
            OffsetBuffer::from_lengths(lengths()),
            values.clone(),
            None,
        )),
    ]
}

#[test]
fn floats_and_lists_of_them() {
    for (dtype, values) in floats() {
        check(&table(&[column("x", values.clone())]), "", "(12,)", dtype);
        for list in lists(&values, 4) {
            let other = column("a:b", Arc::new(StringArray::from(vec!["none"; 3])));
            check(&table(&[other, column("x", list.clone())]), ":x", "(3, 4)", dtype);
            for nested in lists(&list, 3) {
                check(&table(&[column("x", nested)]), ":x", "(1, 3, 4)", dtype);
            }
        }
    }
}

#[test]
fn tensors_of_a_fixed_shape() {
    let [fixed, ..] = lists(&floats()[1].1, 6);
    let tensor = |metadata: &str| {
        let metadata = HashMap::from(
            [("name", "arrow.fixed_shape_tensor"), ("metadata", metadata)]
                .map(|(key, value)| (format!("ARROW:extension:{key}"), value.to_owned())),
        );
        let field = Field::new("x", fixed.data_type().clone(), false).with_metadata(metadata);
        table(&[(field, fixed.clone())])
    };
    check(&tensor("{\"shape\":[2,3]}"), ":x", "(2, 2, 3)", "float32");
    check(&tensor("{\"shape\":[3,2],\"permutation\":[0,1]}"), "", "(2, 3, 2)", "float32");
    refuse(
        &tensor("{\"shape\":[4]}"),
        "",
        "column \"x\": arrow.fixed_shape_tensor of shape [4] in lists of 6",
    );
    refuse(&tensor("none"), "", "column \"x\": arrow.fixed_shape_tensor of \"none\", expected one");
    let turned = tensor("{\"shape\":[3,2],\"permutation\":[1,0]}");
    refuse(&turned, "", "column \"x\": arrow.fixed_shape_tensor with its axes in the order [1, 0]");
}

/// Reads the classes 2, 0, 3 from each file.
fn check_classes(classes: ArrayRef) {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(3, 4)", &X));
    let dtype = classes.data_type().clone();
    for (name, content) in files(&table(&[column("t", classes)])) {
        put(folder.path(), name, content);
        let target = format!("target={name}");
        let arguments = ["eval", "nll", "input=x.npy", &target, "--backend", "cpu", "--json"];
        // -(2.0 + 4.0 - 3.0) / 3
        assert_eq!(run(folder.path(), &arguments).value(), -1.0, "{dtype} in {name}");
    }
}

#[test]
fn integers_and_dictionaries() {
    macro_rules! each {
        ($($array:ident $type:ty;)*) => {$(
            check_classes(Arc::new($array::from(vec![2 as $type, 0, 3])));
        )*};
    }
    each! {
        Int8Array i8; Int16Array i16; Int32Array i32; Int64Array i64;
        UInt8Array u8; UInt16Array u16; UInt32Array u32; UInt64Array u64;
    }
    let keys = UInt8Array::from(vec![1, 2, 0]);
    let values = Arc::new(Int64Array::from(vec![3, 2, 0]));
    check_classes(Arc::new(DictionaryArray::<UInt8Type>::new(keys, values)));
}

#[test]
fn bools_are_integers() {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(3, 4)", &X));
    let bools = Arc::new(BooleanArray::from(vec![true, false, true]));
    for (name, content) in files(&table(&[column("t", bools)])) {
        put(folder.path(), name, content);
        let target = format!("target={name}:t");
        let arguments = ["eval", "nll", "input=x.npy", &target, "--backend", "cpu", "--json"];
        // -(-1.0 + 4.0 + 0.0) / 3
        assert_eq!(run(folder.path(), &arguments).value(), -1.0, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn through_standard_input() {
    let folder = folder();
    put(folder.path(), "y.npy", npy_f32("(12,)", &Y));
    for (name, content) in files(&table(&[column("x", floats()[1].1.clone())])) {
        put(folder.path(), name, content);
        let line = format!("$WGLOSS eval mse input=-:x target=y.npy --json --backend cpu < {name}");
        assert!((common::shell(folder.path(), &line).value() - expected()).abs() < 1e-4, "{name}");
    }
}

/// Refuses the table in both formats, and names the file and what is wrong.
fn refuse(table: &RecordBatch, member: &str, message: &str) {
    for (name, content) in files(table) {
        refuse_file(name, &content, member, message);
    }
}

fn refuse_file(name: &str, content: &[u8], member: &str, message: &str) {
    let folder = folder();
    put(folder.path(), name, content);
    let [input, target] = ["input", "target"].map(|input| format!("{input}={name}{member}"));
    let run = run(folder.path(), &["eval", "mse", &input, &target, "--backend", "cpu"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
    let expected = format!("wgloss: error: input: {name}: {message}");
    assert!(run.err.contains(&expected), "{expected}: {run:?}");
}

#[test]
fn nulls() {
    let numbers = Float32Array::from(vec![Some(1.0), Some(2.0), Some(0.5), None, Some(3.0)]);
    refuse(
        &table(&[column("x", Arc::new(numbers))]),
        "",
        "column \"x\", row 3: null, expected a number",
    );
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1), Some(2)]);
    list.append_null();
    let list = table(&[column("x", Arc::new(list.finish()))]);
    refuse(&list, ":x", "column \"x\", row 1: null, expected a list");
    let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    for row in [[Some(1), Some(2)], [Some(3), Some(4)], [Some(5), Some(6)], [Some(7), None]] {
        row.iter().for_each(|&number| fixed.values().append_option(number));
        fixed.append(true);
    }
    let fixed = table(&[column("x", Arc::new(fixed.finish()))]);
    refuse(&fixed, ":x", "column \"x\", row 3: null, expected a number");
    let keys = Int8Array::from(vec![Some(0), None]);
    let values = Arc::new(Int64Array::from(vec![3]));
    let dictionary = DictionaryArray::<Int8Type>::new(keys, values);
    let dictionary = table(&[column("x", Arc::new(dictionary))]);
    refuse(&dictionary, "", "column \"x\", row 1: null, expected a number");
}

#[test]
fn lists_of_unequal_lengths() {
    let mut list = LargeListBuilder::new(Int32Builder::new());
    for length in [3, 3, 3, 2, 3] {
        list.append_value((0..length).map(Some));
    }
    let list = table(&[column("x", Arc::new(list.finish()))]);
    refuse(&list, "", "column \"x\", row 3: a list of 2, expected 3 as in row 0");
    let values: ArrayRef = Arc::new(Int32Array::from_iter_values(0..12));
    let inner = |offsets: Vec<i32>, values: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Arc::new(ListArray::new(
            field,
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            values,
            None,
        ))
    };
    let nested = inner(vec![0, 2, 4, 6], inner(vec![0, 2, 4, 6, 8, 11, 12], values));
    let nested = table(&[column("x", nested)]);
    refuse(&nested, "", "column \"x\", row 2: a list of 3, expected 2 as in row 0");
}

#[test]
fn what_holds_no_numbers() {
    let numbers = || column("a", Arc::new(Int32Array::from(vec![1])));
    let strings = column("s", Arc::new(StringArray::from(vec!["one"])));
    let both = table(&[numbers(), strings]);
    refuse(&both, ":s", "column \"s\": element type Utf8, expected float16, float32");
    refuse(&both, "", "2 columns, expected one or the name of one after a colon: a, s");
    refuse(&both, ":b", "column \"b\" is not known; ");
    let list = lists(&(Arc::new(Date32Array::from(vec![1])) as ArrayRef), 1);
    for list in list {
        refuse(&table(&[column("x", list)]), "", "column \"x\": element type Date32, expected");
    }
}

#[test]
fn other_and_damaged_files() {
    let table = table(&[column("x", floats()[1].1.clone())]);
    let whole = parquet(&table, Compression::SNAPPY);
    let cut = &whole[..whole.len() - 9];
    refuse_file("x.parquet", cut, "", "not a whole .parquet file: ");
    refuse_file("x.parquet", b"none", "", "not a whole .parquet file: ");
    let whole = arrow(&table, None);
    refuse_file("x.arrow", &whole[..whole.len() - 9], "", "not a whole Arrow file: ");
    refuse_file("x.feather", b"none", "", "not a whole Arrow file: it starts with \"none\"");
    refuse_file("x.feather", b"FEA1....FEA1", "", "Feather's version 1, expected version 2");
    let mut writer = StreamWriter::try_new(Vec::new(), &table.schema()).expect("a writer");
    writer.write(&table).expect("its rows");
    let stream = writer.into_inner().expect("a stream");
    refuse_file("x.arrow", &stream, "", "an Arrow stream, expected a file");
}

/// Values behind a mask of nulls, and an array that begins within another, are read as they are.
#[test]
fn parts_of_arrays() {
    let folder = folder();
    let at: &Path = folder.path();
    put(at, "y.npy", npy_f32("(2, 4)", &X[4..]));
    let [fixed, list, _] = lists(&floats()[1].1, 4);
    for array in [fixed, list] {
        for (name, content) in files(&table(&[column("x", array.slice(1, 2))])) {
            put(at, name, content);
            let input = format!("input={name}");
            let run = run(at, &["eval", "l1", &input, "target=y.npy", "--json", "--backend=cpu"]);
            assert_eq!(run.value(), 0.0, "{name}");
        }
    }
    let masked = Float32Array::new(
        ScalarBuffer::from(X[..3].to_vec()),
        Some(NullBuffer::from(vec![true, true, true])),
    );
    put(at, "z.npy", npy_f32("(3,)", &X[..3]));
    put(at, "m.arrow", arrow(&table(&[column("x", Arc::new(masked))]), None));
    let arguments = ["eval", "l1", "input=m.arrow", "target=z.npy", "--json", "--backend=cpu"];
    assert_eq!(run(at, &arguments).value(), 0.0);
}
