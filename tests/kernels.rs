//! Every kernel variant is WGSL that naga accepts and can translate for Vulkan, Metal and
//! DirectX 12, and the host's structs are the kernels'. With `WGLOSS_LEAVE_KERNELS`, they are made for
//! all pairs of types, and left as files in `CARGO_TARGET_TMPDIR/kernels`, where `.ci/tint` checks
//! them by the browsers' rules.

mod novelty;
mod size;

use crate::common;
use crate::common::{Family, family};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use wgloss::definition::Role;
use wgloss::{
    Activation, DType, Dice, GeneralizedDice, GradientType, Loss, Member, Plan, Reduction, Request,
    Sharing, Source, SourceOptions, TensorKind, Tuning, Tversky, losses,
};

const FLOATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];
const INTEGERS: [DType; 8] =
    [DType::U8, DType::I8, DType::U16, DType::I16, DType::U32, DType::I32, DType::U64, DType::I64];

/// Shapes of a family that lead to its different headers: the first input, what broadcasts with
/// it, and whether the target is a class index.
fn shapes(loss: &dyn Loss) -> Vec<(Vec<usize>, Vec<usize>)> {
    match family(loss) {
        Family::Pointwise => vec![
            (vec![3, 4099], vec![3, 4099]),
            (vec![3, 4096], vec![1, 4096]),
            (vec![2, 5000], vec![]),
            (vec![9], vec![9]),
        ],
        Family::Regions => {
            let all = [[2, 3, 8], [2, 3, 7], [2, 10, 8], [1, 2, 5000]];
            all.map(|shape| (shape.to_vec(), shape.to_vec())).to_vec()
        }
        _ => {
            let all = [[10, 8, 0], [10, 7, 0], [3, 6, 5], [2, 5000, 0], [2, 5001, 0], [2, 9, 64]];
            // Scores are a matrix at most; 0 stands for no dimension.
            let scores = loss.definition().inputs[0].role == Role::Scores;
            let shapes = all.into_iter().filter(|shape| !scores || shape[2] == 0);
            let dimensions = |shape: [usize; 3]| shape.into_iter().filter(|&d| d > 0).collect();
            shapes.map(|shape| (dimensions(shape), dimensions(shape))).collect()
        }
    }
}

/// All inputs in the given shapes; without optional ones unless asked for.
fn kinds<'a>(
    loss: &'a dyn Loss,
    (first, other): &(Vec<usize>, Vec<usize>),
    float: DType,
    target: DType,
    optional: bool,
) -> Vec<(&'a str, TensorKind)> {
    let (classes, rows) = common::rows_of(loss, first);
    let kind = |input: &wgloss::definition::Input| match input.role {
        Role::Index => TensorKind { dtype: target, shape: rows.clone() },
        Role::Marks if target.is_float() => TensorKind::new(DType::I64, &rows[..]),
        Role::Marks => TensorKind { dtype: target, shape: rows.clone() },
        Role::IndexOrRows if !target.is_float() => {
            TensorKind { dtype: target, shape: rows.clone() }
        }
        Role::Classes | Role::Factors => TensorKind { dtype: float, shape: vec![classes] },
        Role::Labels => TensorKind { dtype: float, shape: rows.clone() },
        Role::Signed | Role::Unsigned | Role::Flags => {
            TensorKind { dtype: DType::I64, shape: other.clone() }
        }
        Role::ElementVectors(_) if input.name != loss.definition().inputs[0].name => {
            TensorKind { dtype: float, shape: common::with_vectors(input.role, other) }
        }
        Role::Elements | Role::Onto | Role::WeightOnto
            if input.name != loss.definition().inputs[0].name =>
        {
            TensorKind { dtype: float, shape: other.clone() }
        }
        Role::ListedClasses => {
            let dtype = if target.is_float() { DType::I64 } else { target };
            TensorKind { dtype, shape: common::with_vectors(input.role, first) }
        }
        role => TensorKind { dtype: float, shape: common::with_vectors(role, first) },
    };
    let given = loss.definition().inputs.iter().filter(|input| optional || !input.optional);
    given.map(|input| (input.name, kind(input))).collect()
}

/// The types that texts are made for: all pairs of a float and an integer type, or one pair after the
/// other, so that each loss of a family has each float type in some shape. How numbers are read and written is
/// the same for all losses of a family with such a target: all pairs are for the first of them.
struct Types {
    all: bool,
    turn: usize,
}

impl Types {
    /// All pairs, for a first loss, or the next `count`; without class indices, one integer type stands for all.
    fn next(&mut self, count: usize, indices: bool, first: bool) -> Vec<(DType, DType)> {
        let integers = if indices { &INTEGERS[..] } else { &[DType::I64] };
        if self.all && first {
            let with = |&integer: &DType| FLOATS.map(|float| (float, integer));
            return integers.iter().flat_map(with).collect();
        }
        self.turn += count;
        let pair = |turn: usize| {
            // Gradients are asked for in all types beside the usual class indices only.
            let usual = turn.is_multiple_of(2);
            let integer = if usual { DType::I64 } else { integers[turn / 2 % integers.len()] };
            (FLOATS[turn % FLOATS.len()], integer)
        };
        (self.turn - count..self.turn).map(pair).collect()
    }
}

/// The kernel texts of the catalogue and the custom losses of the examples, each once.
fn variants(mut types: Types) -> BTreeSet<Source> {
    let mut texts = BTreeSet::new();
    let examples = common::catalogue::examples();
    assert!(!examples.is_empty(), "no custom losses");
    for loss in examples {
        // The types are those of the pointwise losses below.
        for shape in &shapes(&*loss)[..2] {
            add_variants(&*loss, &kinds(&*loss, shape, DType::F32, DType::F32, false), &mut texts);
        }
    }
    let mut met = Vec::new();
    for loss in losses::catalogue().into_iter().chain(activated()) {
        let loss = loss.as_ref();
        if family(loss) == Family::Own {
            add_own_variants(loss, &loss.example(), &mut types, &mut texts);
            continue;
        }
        let role = loss.definition().inputs[1].role;
        let indices = matches!(role, Role::Index | Role::IndexOrRows | Role::Marks);
        let kind = (family(loss), loss.definition().inputs[0].role, role);
        let first = !met.contains(&kind);
        if first {
            met.push(kind);
        }
        for shape in shapes(loss) {
            for (float, integer) in types.next(1, indices, first) {
                let rows = (role == Role::IndexOrRows).then_some(float);
                for target in [integer].into_iter().chain(rows) {
                    for optional in [false, true] {
                        let inputs = kinds(loss, &shape, float, target, optional);
                        add_variants(loss, &inputs, &mut texts);
                    }
                }
            }
        }
    }
    texts
}

/// Losses over regions of logits.
fn activated() -> Vec<Box<dyn Loss>> {
    let (softmax, sigmoid) = (Activation::Softmax, Activation::Sigmoid);
    let include_background = false;
    vec![
        Box::new(Dice { activation: softmax, ..Dice::default() }),
        Box::new(Tversky { activation: sigmoid, ..Tversky::default() }),
        Box::new(GeneralizedDice {
            activation: softmax,
            include_background,
            ..GeneralizedDice::default()
        }),
    ]
}

/// A loss of its own in the shapes of its example, with and without what is optional.
fn add_own_variants(
    loss: &dyn Loss,
    example: &[(&str, TensorKind)],
    types: &mut Types,
    texts: &mut BTreeSet<Source>,
) {
    for (float, integer) in types.next(2 * FLOATS.len(), true, true) {
        for optional in [false, true] {
            let given = loss.definition().inputs.iter().zip(example);
            let given = given.filter(|(input, _)| optional || !input.optional);
            let inputs: Vec<_> = given
                .map(|(input, (_, kind))| {
                    let dtype = if kind.dtype.is_float() { float } else { integer };
                    (input.name, TensorKind { dtype, shape: kind.shape.clone() })
                })
                .collect();
            add_variants(loss, &inputs, texts);
        }
    }
}

/// The given inputs that have a gradient.
fn with_gradients(loss: &dyn Loss, inputs: &[(&str, TensorKind)]) -> Vec<&'static str> {
    let all = loss.definition().inputs.iter().filter(|input| input.differentiable);
    all.filter(|input| inputs.iter().any(|(n, kind)| *n == input.name && kind.dtype.is_float()))
        .map(|input| input.name)
        .collect()
}

fn add_variants(loss: &dyn Loss, inputs: &[(&str, TensorKind)], texts: &mut BTreeSet<Source>) {
    let all = with_gradients(loss, inputs);
    // How gradients are stored does not depend on the type of integers: one will do.
    let one = |dtype: DType| dtype.is_float() || dtype == DType::I64;
    let narrow = inputs.iter().all(|(_, kind)| one(kind.dtype) && kind.dtype != DType::F32);
    for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
        for upstream in [false, true] {
            for (value, gradients) in [(true, &[][..]), (false, &all[..]), (true, &all[..])] {
                let both = [GradientType::Float32, GradientType::Input];
                let types = if narrow && !gradients.is_empty() { &both[..] } else { &both[..1] };
                for &gradient_type in types {
                    let request = Request {
                        reduction,
                        value,
                        gradients,
                        upstream,
                        gradient_type,
                        ..Request::default()
                    };
                    let mut add = |request: &Request<'_>, sharing| {
                        let options = SourceOptions { sharing, ..SourceOptions::default() };
                        let sources = Plan::sources(loss, inputs, request, options);
                        texts.extend(sources.expect("a valid request"));
                    };
                    add(&request, Sharing::Apart);
                    if gradients.is_empty() || !value {
                        continue;
                    }
                    add(&request, Sharing::Together);
                    add(&request, Sharing::InPlace);
                    if reduction == Reduction::Mean {
                        let request = Request { totals: true, denominator: true, ..request };
                        add(&request, Sharing::Apart);
                    }
                }
            }
        }
    }
}

/// The host fills the window as the kernel reads it: the same members at the same places.
fn assert_same_windows(Source { label, window, .. }: &Source, module: &naga::Module) {
    let variables = module.global_variables.iter().map(|(_, variable)| variable);
    let own = variables.into_iter().find(|own| own.name.as_deref() == Some("window"));
    match own {
        Some(own) => assert_eq!(members(module, own.ty), described(window), "{label}"),
        None => assert!(window.is_empty(), "{label} has no window"),
    }
}

/// Name, offset and members of the elements of each member.
#[derive(Debug, PartialEq)]
struct Described(String, usize, Vec<Described>);

fn described(members: &[Member]) -> Vec<Described> {
    let one = |own: &Member| Described(own.name.into(), own.offset, described(own.members));
    members.iter().map(one).collect()
}

fn members(module: &naga::Module, ty: naga::Handle<naga::Type>) -> Vec<Described> {
    match &module.types[ty].inner {
        naga::TypeInner::Struct { members: own, .. } => {
            let one = |own: &naga::StructMember| {
                let name = own.name.clone().unwrap_or_default();
                Described(name, own.offset as usize, members(module, own.ty))
            };
            own.iter().map(one).collect()
        }
        naga::TypeInner::Array { base, .. } => members(module, *base),
        _ => Vec::new(),
    }
}

/// Leaves the texts as files, and nothing else in their folder.
fn leave(variants: &BTreeSet<Source>) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    for (i, Source { label, text, .. }) in variants.iter().enumerate() {
        std::fs::write(folder.join(format!("{i:05}.wgsl")), format!("// {label}\n{text}"))?;
    }
    Ok(())
}

/// A kernel as the WGSL compiler sees it.
fn validated(Source { label, text, .. }: &Source) -> (naga::Module, naga::valid::ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|error| panic!("{label}: {}\n{text}", error.emit_to_string(text)));
    let flags = naga::valid::ValidationFlags::all();
    // unpack2x16float, which every adapter of ours has.
    let mut capabilities = naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    if text.contains("subgroup_invocation_id") {
        capabilities |=
            naga::valid::Capabilities::SUBGROUP | naga::valid::Capabilities::SUBGROUP_BARRIER;
    }
    if text.contains("enable wgpu_cooperative_matrix;") {
        capabilities |= naga::valid::Capabilities::SUBGROUP
            | naga::valid::Capabilities::SHADER_FLOAT16
            | naga::valid::Capabilities::COOPERATIVE_MATRIX;
    }
    let info = naga::valid::Validator::new(flags, capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{label}: {}\n{text}", error.emit_to_string(text)));
    (module, info)
}

/// For Vulkan, Metal and DirectX 12.
pub(crate) fn assert_valid_everywhere(source: &Source) {
    let Source { label, .. } = source;
    let (module, info) = validated(source);
    assert_same_windows(source, &module);
    naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None)
        .unwrap_or_else(|error| panic!("{label} as SPIR-V: {error}"));
    let options = naga::back::msl::Options {
        lang_version: (2, 0),
        fake_missing_bindings: true,
        ..Default::default()
    };
    naga::back::msl::write_string(&module, &info, &options, &Default::default())
        .unwrap_or_else(|error| panic!("{label} as MSL: {error}"));
    let options = naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
    let mut text = String::new();
    naga::back::hlsl::Writer::new(&mut text, &options, &Default::default())
        .write(&module, &info, None)
        .unwrap_or_else(|error| panic!("{label} as HLSL: {error}"));
}

#[test]
fn every_variant_is_valid_everywhere() {
    let all = std::env::var_os("WGLOSS_LEAVE_KERNELS").is_some();
    let variants = variants(Types { all, turn: 0 });
    if all {
        leave(&variants).expect("the texts are written");
    }
    let mut met = novelty::Met::default();
    let new: Vec<_> = variants.iter().filter(|variant| met.adds(variant)).collect();
    println!("{} kernel texts, {} with something new", variants.len(), new.len());
    assert!(new.len() > 100, "only {} kernel texts", new.len());
    new.into_iter().for_each(assert_valid_everywhere);
}

/// The most of a kernel, with which compilers are done in a second.
const MOST: size::Size = size::Size { branches: 150, operations: 35_000 };

/// The largest kernels of each label, those with most branches first.
fn largest(variants: &BTreeSet<Source>) -> Vec<(size::Size, &str)> {
    let mut largest = BTreeMap::new();
    for source in variants {
        let (module, info) = validated(source);
        let most: &mut size::Size = largest.entry(&*source.label).or_default();
        *most = most.most(size::size(&module, &info));
    }
    let mut largest: Vec<_> = largest.into_iter().map(|(label, size)| (size, label)).collect();
    largest.sort_unstable_by(|a, b| b.cmp(a));
    largest
}

/// No kernel makes a compiler run for minutes. `-- --nocapture` lists the largest ones.
#[test]
fn every_variant_is_small_once_it_is_inlined() {
    let variants = variants(Types { all: false, turn: 0 });
    let largest = largest(&variants);
    let line = |(size, label): &(size::Size, &str)| {
        format!("{:4} branches {:6} operations {label}\n", size.branches, size.operations)
    };
    println!("{}", largest.iter().take(30).map(line).collect::<String>());
    let over = |(size, _): &&(size::Size, &str)| size.most(MOST) != MOST;
    let over: String = largest.iter().filter(over).map(line).collect();
    assert!(over.is_empty(), "more than {MOST:?}:\n{over}");
}

/// `&&` and `||` are branches, and what formulas call is inlined dozens of times: with them, one
/// compiler took minutes for a kernel of 3,000 operations that it compiles in 0.1 s without.
#[test]
fn formulas_have_no_short_circuits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let folders = ["pairs", "pointwise", "regions", "rows"].map(|folder| root.join(folder));
    let entries = folders.iter().flat_map(|f| std::fs::read_dir(f).expect("the shaders"));
    let own = entries.map(|entry| entry.expect("a shader").path()).filter(|path| path.is_file());
    let shared = [
        "boxes.wgsl",
        "numeric.wgsl",
        "regions/kernels/region.wgsl",
        "regions/kernels/voxels.wgsl",
        "row.wgsl",
        "scores.wgsl",
        "softmax.wgsl",
        "softmax_pair.wgsl",
        "tversky.wgsl",
    ];
    let shared = shared.map(|name| root.join(name));
    for path in own.chain(shared) {
        let text = std::fs::read_to_string(&path).expect("a readable shader");
        let mut code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let found = code.find(|line| line.contains("&&") || line.contains("||"));
        assert_eq!(found, None, "{}: & and | do the same", path.display());
    }
}

/// Rows on devices with subgroups; browsers have other names for what these kernels use.
#[test]
fn every_variant_for_subgroups_is_valid_everywhere() {
    for loss in losses::catalogue() {
        let loss = loss.as_ref();
        if family(loss) != Family::Rows {
            continue;
        }
        let mut found = 0;
        for shape in shapes(loss) {
            let inputs = kinds(loss, &shape, DType::F32, DType::I64, true);
            for lanes in [4, 32, 128] {
                found += subgroup_kernels(loss, &inputs, lanes);
            }
        }
        assert!(found > 0, "{}", loss.definition().name);
    }
}

#[test]
fn matrix_products_for_subgroups_are_valid_everywhere() {
    let float = |shape: &[usize]| TensorKind::new(DType::F32, shape);
    let [linear, of_pairs] = ["linear_cross_entropy", "info_nce_loss"].map(|name| {
        let found = losses::catalogue().into_iter().find(|loss| loss.definition().name == name);
        found.expect("a known loss")
    });
    let target = TensorKind::new(DType::I64, [9]);
    let logits = [("input", float(&[9, 8])), ("linear_weight", float(&[5, 8])), ("target", target)];
    let vectors = [("query", float(&[9, 7])), ("key", float(&[9, 7]))];
    for (lanes, expected) in [(4, 3), (8, 3), (16, 3), (32, 0)] {
        assert_eq!(subgroup_kernels(linear.as_ref(), &logits, lanes), expected, "{lanes} lanes");
        assert_eq!(subgroup_kernels(of_pairs.as_ref(), &vectors, lanes), expected, "{lanes} lanes");
    }
}

/// Those of float16, where they were asked for, and of no gradient; for Vulkan, as others have none of 16 by 16.
#[test]
fn logits_are_products_of_cooperative_matrices() {
    let loss = wgloss::by_name("linear_cross_entropy").expect("a loss");
    let cooperative = |dtype: DType, side: Option<u32>| {
        let kind = |shape: &[usize]| TensorKind::new(dtype, shape.to_vec());
        let target = TensorKind::new(DType::I64, [9]);
        let inputs =
            [("input", kind(&[9, 7])), ("linear_weight", kind(&[5, 7])), ("target", target)];
        let gradients = with_gradients(loss.as_ref(), &inputs);
        let request = Request::with_gradients(&gradients);
        let options = SourceOptions { cooperative: side, ..SourceOptions::default() };
        let sources = Plan::sources(loss.as_ref(), &inputs, &request, options).expect("valid");
        let own = sources.iter().filter(|source| source.text.contains("coopMultiplyAdd"));
        own.for_each(|source| {
            let (module, info) = validated(source);
            naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None)
                .unwrap_or_else(|error| panic!("{}: {error}", source.label));
        });
        sources.iter().filter(|source| source.text.contains("coopMultiplyAdd")).count()
    };
    for side in [8, 16] {
        assert_eq!(cooperative(DType::F16, Some(side)), 1);
        assert_eq!(cooperative(DType::BF16, Some(side)), 0);
        assert_eq!(cooperative(DType::F32, Some(side)), 0);
    }
    assert_eq!(cooperative(DType::F16, None), 0);
}

/// How many kernels of all gradients use subgroups of so many lanes, wherever they can.
fn subgroup_kernels(loss: &dyn Loss, inputs: &[(&str, TensorKind)], lanes: u32) -> usize {
    let gradients = with_gradients(loss, inputs);
    let request = Request::with_gradients(&gradients);
    let tuning = Tuning { least_exchanged: 0, ..Tuning::default() };
    let options = SourceOptions { subgroup: Some(lanes), tuning, ..SourceOptions::default() };
    let sources = Plan::sources(loss, inputs, &request, options).expect("a valid request");
    sources.iter().for_each(assert_valid_everywhere);
    sources.iter().filter(|source| source.text.contains("subgroup_invocation_id")).count()
}

#[test]
fn every_shader_belongs_to_a_loss() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let catalogue = losses::catalogue();
    let names: BTreeSet<&str> = catalogue.iter().map(|loss| loss.definition().name).collect();
    let mut found = BTreeSet::new();
    let mut texts = BTreeSet::new();
    for folder in ["pointwise", "rows", "pairs", "regions", "own"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("the shaders") {
            let path = entry.expect("a shader").path();
            if path.is_dir() {
                continue;
            }
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            assert!(names.contains(&*stem), "{}", path.display());
            texts.insert(std::fs::read_to_string(&path).expect("a shader"));
            found.insert(stem);
        }
    }
    for loss in catalogue {
        // Some are computed by the formula of another.
        let name = loss.definition().name;
        let text = loss.definition().shader.text;
        let known = found.contains(name) || texts.iter().any(|own| text.ends_with(own));
        assert!(known, "{name} has no shader");
    }
}

/// A loop in a kernel never comes near the 65,535 rounds after which llvmpipe gives up.
#[test]
fn too_many_classes_are_refused() {
    let kind = |dtype, shape: &[usize]| TensorKind { dtype, shape: shape.to_vec() };
    let classes = 20_480_004;
    let inputs = [("input", kind(DType::F32, &[1, classes])), ("target", kind(DType::I64, &[1]))];
    let request = Request::default();
    // Sections of a row have rounds of their own.
    let tuning = Tuning { quads_per_group: u32::MAX, ..Tuning::default() };
    let options = SourceOptions { tuning, ..SourceOptions::default() };
    let loss = wgloss::CrossEntropy::default();
    let error = Plan::sources(&loss, &inputs, &request, options).expect_err("too many");
    assert_eq!(error.to_string(), "input: 20480004 classes, at most 20480000 (rounds of a loop)");
}
