//! Inputs larger than what is read at a time: the same bytes come out whatever they lie in, and memory
//! does not grow with them.

use crate::common::{bytes, folder, npy, npy_f32, put, run, zip};
use half::{bf16, f16};
use safetensors::Dtype;
use std::fs;
use std::path::Path;

/// More than 2^20 numbers, and no multiple of a tile.
const ROWS: usize = 1031;
const COLUMNS: usize = 1021;

/// Small integers: exact in every type.
fn number(i: usize) -> u8 {
    u8::try_from(i * 7 % 101).expect("at most 100")
}

/// The numbers as they are written in a type.
fn written(kind: &str, order: impl Iterator<Item = usize>, big: bool) -> Vec<u8> {
    macro_rules! each {
        ($($kind:literal $type:ty, $convert:expr;)*) => {
            match kind {
                $($kind => {
                    let convert: fn(u8) -> $type = $convert;
                    let numbers: Vec<$type> = order.map(|i| convert(number(i))).collect();
                    bytes(&numbers, if big { <$type>::to_be_bytes } else { <$type>::to_le_bytes })
                })*
                other => panic!("{other}"),
            }
        };
    }
    each! {
        "f2" f16, |x| f16::from_f32(x.into()); "bf16" bf16, |x| bf16::from_f32(x.into());
        "f4" f32, Into::into; "f8" f64, Into::into;
        "i1" i8, |x| x.try_into().expect("at most 100"); "i2" i16, Into::into; "i4" i32, Into::into; "i8" i64, Into::into;
        "u1" u8, |x| x; "u2" u16, Into::into; "u4" u32, Into::into; "u8" u64, Into::into;
    }
}

fn rows() -> impl Iterator<Item = usize> {
    0..ROWS * COLUMNS
}

fn columns() -> impl Iterator<Item = usize> {
    (0..COLUMNS).flat_map(|column| (0..ROWS).map(move |row| row * COLUMNS + column))
}

/// The loss, and the bytes of the gradients and of the unreduced losses.
fn results(folder: &Path, target: &str) -> (f64, [Vec<u8>; 3]) {
    let target = format!("target={target}");
    let arguments =
        ["eval", "mse", "input=x.npy", &target, "--json", "--quiet", "--backend", "cpu"];
    // Integers have no gradient.
    let float = ["f2", "f4", "f8", "bf16"].iter().any(|kind| target.contains(kind));
    let slope = if float { "--grad=target=t.npy" } else { "--reduction=mean" };
    let outputs = ["--grad=input=g.npy", "--out=o.npy", slope];
    let value = run(folder, &[&arguments[..], &outputs].concat()).value();
    let read = |name: &str| fs::read(folder.join(name)).expect("an output");
    (value, [read("g.npy"), read("o.npy"), read("t.npy")])
}

#[test]
fn every_type_order_and_file_has_the_same_results() {
    let folder = folder();
    let at = folder.path();
    let shape = format!("({ROWS}, {COLUMNS})");
    let x: Vec<f32> = rows().map(|i| f32::from(number(i * 3 + 1)) / 4.0).collect();
    put(at, "x.npy", npy_f32(&shape, &x));
    put(at, "f4.npy", npy("'<f4'", false, &shape, &written("f4", rows(), false)));
    let expected = results(at, "f4.npy");
    let check = |file: &str| assert!(results(at, file) == expected, "{file}");

    let kinds = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"];
    let layouts = [(false, false), (true, false), (false, true), (true, true)];
    for (i, kind) in kinds.into_iter().enumerate() {
        for (j, (fortran, big)) in layouts.into_iter().enumerate() {
            let data = match fortran {
                true => written(kind, columns(), big),
                false => written(kind, rows(), big),
            };
            let mark = if big { '>' } else { '<' };
            let file = npy(&format!("'{mark}{kind}'"), fortran, &shape, &data);
            match (i + j) % 3 {
                0 => {
                    put(at, &format!("{kind}.npy"), file);
                    check(&format!("{kind}.npy"));
                }
                stored => {
                    let archive = zip(&[("other.npy", b"odd"), ("t.npy", &file)], stored == 1);
                    put(at, &format!("{kind}.npz"), archive);
                    check(&format!("{kind}.npz:t"));
                }
            }
        }
    }
    // A tensor of three bytes before puts the elements where no number of theirs may lie.
    let dtypes = [
        (Dtype::F16, "f2"),
        (Dtype::BF16, "bf16"),
        (Dtype::F32, "f4"),
        (Dtype::F64, "f8"),
        (Dtype::I64, "i8"),
        (Dtype::U16, "u2"),
    ];
    for (dtype, kind) in dtypes {
        let data = written(kind, rows(), false);
        let file = unaligned(dtype, &data);
        put(at, &format!("{kind}.safetensors"), file);
        check(&format!("{kind}.safetensors:t"));
    }
}

/// A `.safetensors` file whose elements follow three other bytes.
fn unaligned(dtype: Dtype, data: &[u8]) -> Vec<u8> {
    let end = 3 + data.len();
    let header = format!(
        "{{\"a\":{{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}},\
         \"t\":{{\"dtype\":\"{dtype}\",\"shape\":[{ROWS},{COLUMNS}],\"data_offsets\":[3,{end}]}}}}"
    );
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[1, 2, 3], data].concat()
}

/// Two rows that are each more than what is put in order at a time, and together more than is kept in
/// memory.
#[test]
fn long_rows_of_column_major_files() {
    const LONG: usize = 4_500_000;
    let folder = folder();
    let order = (0..LONG).flat_map(|column| [column, LONG + column]);
    let columns = npy("'>f8'", true, &format!("(2, {LONG})"), &written("f8", order, true));
    put(folder.path(), "columns.npy", columns);
    let rows = npy("'|u1'", false, &format!("(2, {LONG})"), &written("u1", 0..2 * LONG, false));
    put(folder.path(), "rows.npy", rows);
    let arguments = ["eval", "mse", "input=columns.npy", "target=rows.npy", "--json", "--quiet"];
    let run = run(folder.path(), &[&arguments[..], &["--backend", "cpu"]].concat());
    assert_eq!(run.value(), 0.0, "{run:?}");
}

/// Two sparse files of a GiB each, which in memory would be two and their gradient a third.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_files() {
    use crate::common::{ended, start};
    use std::io::Write;

    let folder = folder();
    for (name, descr, size) in [("x.npy", "'<f4'", 4), ("y.npy", "'<f2'", 2)] {
        let header = npy(descr, false, "(268435456,)", b"");
        let mut file = fs::File::create(folder.path().join(name)).expect("a file");
        file.write_all(&header).expect("the header");
        file.set_len(header.len() as u64 + (size << 28)).expect("a sparse file");
    }
    let arguments = ["eval", "mse", "input=x.npy", "target=y.npy", "--backend", "cpu", "--json"];
    let mut child =
        start(folder.path(), &[&arguments[..], &["--grad", "input=/dev/null"]].concat());
    let status = format!("/proc/{}/status", child.id());
    let (mut most, mut seen) = (0, 0);
    while child.try_wait().expect("the program runs").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let anonymous = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        if let Some(anonymous) = anonymous.and_then(|kb| kb.trim().strip_suffix(" kB")) {
            most = most.max(anonymous.parse::<u64>().expect("a number") >> 10);
            seen += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(ended(child).value(), 0.0);
    assert!(seen > 3 && most < 300, "{most} MiB of anonymous memory, seen {seen} times");
}
