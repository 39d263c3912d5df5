//! quick_cache and moka through the requests that bench_memory writes:   larder-peers FOLDER CASE SUBJECT
//! Prints lines "case<TAB>subject<TAB>metric<TAB>unit<TAB>numbers"; nothing where a subject has no part in a case.

mod cases;
mod requests;
mod stopwatch;
mod subjects;

use cases::Cases;
use subjects::{Moka, QuickCache, QuickCacheSync};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, case, subject] = &arguments[..] else {
        eprintln!("usage: larder-peers FOLDER CASE quick_cache|quick_cache_sync|moka");
        std::process::exit(2);
    };
    let cases = match requests::Requests::read(folder) {
        Ok(requests) => Cases { requests, subject: subject.clone() },
        Err(error) => {
            eprintln!("larder-peers: {folder}: {error}");
            std::process::exit(1);
        }
    };
    match subject.as_str() {
        "quick_cache" => cases.run_alone::<QuickCache<u64>, QuickCache<String>>(case),
        "quick_cache_sync" => cases.run::<QuickCacheSync<u64>, QuickCacheSync<String>>(case),
        "moka" => cases.run::<Moka<u64>, Moka<String>>(case),
        other => {
            eprintln!("larder-peers: no subject \"{other}\"");
            std::process::exit(2);
        }
    }
}
