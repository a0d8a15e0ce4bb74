//! The benchmarks, a step at a time: the page shows each when it is done, and stops by asking for no more.

use crate::{device, thrown};
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wgloss::DType;
use wgloss_bench::{
    Cpu, Curve, Data, Effort, FAMILIES, Place, Point, Results, Site, WORKLOADS, by_name, sizes,
};

const DTYPE: DType = DType::F32;

thread_local! {
    static SITES: RefCell<Rc<Vec<Site>>> = RefCell::default();
    static RESULTS: RefCell<Option<Results>> = const { RefCell::new(None) };
}

/// What can be timed: the workloads, the families of sizes and the sizes up to the largest.
#[wasm_bindgen]
pub fn bench_list(largest: usize) -> String {
    let workloads = WORKLOADS.map(|(name, _)| name);
    let families = FAMILIES.map(|(name, _)| name);
    let sizes: Vec<usize> = sizes(largest).collect();
    json!({ "workloads": workloads, "families": families, "sizes": sizes }).to_string()
}

/// Begins: opens the GPU, if there is one, and the CPU, and measures what copies move there. Of the adapter
/// the browser tells its scripts more than the library.
#[wasm_bindgen]
pub async fn bench_start(
    date: String,
    browser: String,
    name: String,
    vendor: String,
) -> Result<(), JsValue> {
    let mut results = Results::new("page", date, Cpu::named("WebAssembly"));
    results.browser = Some(browser);
    let mut sites = Vec::new();
    if let Ok(gpu) = device::gpu().await {
        sites.push(Site::gpu("GPU".into(), gpu).await.map_err(thrown)?);
    }
    sites.push(Site::cpu("CPU".into()).await.map_err(thrown)?);
    sites.iter().for_each(|site| results.add_site(site));
    if let Some(gpu) = &mut results.gpu {
        (gpu.name, gpu.vendor) = (name, vendor);
    }
    SITES.set(Rc::new(sites));
    RESULTS.set(Some(results));
    Ok(())
}

/// Times a workload in one place, `gpu` or `cpu`.
#[wasm_bindgen]
pub async fn bench_row(workload: String, place: String) -> Result<(), JsValue> {
    let sites = SITES.with_borrow(Rc::clone);
    let Some(site) = sites.iter().find(|site| site.place().name() == place) else {
        return Err(thrown(format!("place: {place} is not there")));
    };
    let workload = by_name(&workload).map_err(thrown)?;
    let data = Data::new(&workload, DTYPE);
    // One core takes seconds for what a GPU has done at once.
    let effort = if site.place() == Place::Cpu { Effort::BRIEF } else { Effort::FULL };
    let row = site.row(&workload, DTYPE, &data, effort, false).await.map_err(thrown)?;
    RESULTS.with_borrow_mut(|results| {
        let Some(results) = results else { return };
        results.rows.retain(|own| (&own.workload, own.backend) != (&row.workload, row.backend));
        results.rows.push(row);
    });
    Ok(())
}

/// Times a size of a family, which is given by its place in the list, in all places.
#[wasm_bindgen]
pub async fn bench_point(family: usize, elements: usize) -> Result<(), JsValue> {
    let sites = SITES.with_borrow(Rc::clone);
    let Some((name, make)) = FAMILIES.get(family) else {
        return Err(thrown(format!("family: {family} is not there, {} are", FAMILIES.len())));
    };
    let workload = make(elements);
    let data = Data::new(&workload, DTYPE);
    let point = Point::time(&sites, elements, &workload, DTYPE, &data).await.map_err(thrown)?;
    RESULTS.with_borrow_mut(|results| {
        let Some(results) = results else { return };
        let larger = |own: &Point| own.elements < elements;
        // A size that is not the next one begins anew.
        results.sizes.retain(|curve| curve.family != *name || curve.points().iter().all(larger));
        match results.sizes.iter_mut().find(|curve| curve.family == *name) {
            Some(curve) => curve.push(point),
            None => {
                let mut curve = Curve::new(name);
                curve.push(point);
                results.sizes.push(curve);
            }
        }
    });
    Ok(())
}

/// The results so far, in the form that `wgloss bench --json` writes.
#[wasm_bindgen]
pub fn bench_results() -> String {
    RESULTS.with_borrow(|results| results.as_ref().map(Results::to_json)).unwrap_or_default()
}
