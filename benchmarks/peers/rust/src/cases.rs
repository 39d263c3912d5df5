//! bench_memory's cases, one subject a process.

use crate::requests::{FromNumber, Requests};
use crate::stopwatch::{alone, pair, Sample};
use crate::subjects::{Cache, Key, Shared};
use std::hint::black_box;

const PUT_EVERY: usize = 20;

pub struct Cases {
    pub requests: Requests,
    pub subject: String,
}

fn fill<K: Key + FromNumber, C: Cache<K>>(capacity: usize, keys: usize) -> C {
    let mut cache = C::new(capacity);
    for number in 0..keys as u64 {
        cache.put(&K::from_number(number), number);
    }
    cache.settle();
    cache
}

fn get<K, C: Cache<K>>(cache: &C, keys: &[K]) -> usize {
    let mut sum = 0;
    let hits = keys.iter().filter(|key| cache.get(key, &mut sum)).count();
    black_box(sum);
    hits
}

fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    pages * 4096.0
}

impl Cases {
    /// Every case, with a cache that threads may share.
    pub fn run<C: Shared<u64>, S: Shared<String>>(&self, case: &str) {
        match case {
            "two_threads_read" => self.two_threads::<C>(case, |cache, keys| get(cache, keys)),
            "two_threads_95_5" => self.two_threads::<C>(case, |cache, keys| {
                let mut sum = 0;
                let hits = keys.iter().enumerate().filter(|&(i, key)| {
                    if i % PUT_EVERY != PUT_EVERY - 1 {
                        return cache.get(key, &mut sum);
                    }
                    cache.put_shared(key, i as u64);
                    true
                });
                let hits = hits.count();
                black_box(sum);
                hits
            }),
            "two_threads_mixed" => self.two_threads_mixed::<C>(case),
            _ => self.run_alone::<C, S>(case),
        }
    }

    /// The cases of one thread.
    pub fn run_alone<C: Cache<u64>, S: Cache<String>>(&self, case: &str) {
        match case {
            "memory" => self.memory::<C>(case),
            "get_u64" => self.read_resident::<u64, C>(case),
            "get_str32" => self.read_resident::<String, S>(case),
            "evicting" => self.evicting::<C>(case),
            "mixed_u64" => self.mixed::<C>(case),
            _ => {}
        }
    }

    fn room(&self) -> usize {
        self.requests.keys + self.requests.keys / 4
    }

    fn memory<C: Cache<u64>>(&self, case: &str) {
        let before = resident_bytes();
        let cache: C = fill(self.requests.keys + self.requests.keys / 10, self.requests.keys);
        let each = (resident_bytes() - before) / self.requests.keys as f64;
        println!("{case}\t{}\tmemory\tbytes/entry\t{each:.1}", self.subject);
        drop(cache);
    }

    fn read_resident<K: Key + FromNumber, C: Cache<K>>(&self, case: &str) {
        let cache: C = fill(self.room(), self.requests.keys);
        self.report(case, 1, |chunk| {
            let keys: Vec<K> = self.requests.skewed(chunk);
            alone(|| get(&cache, &keys))
        });
    }

    fn evicting<C: Cache<u64>>(&self, case: &str) {
        let mut cache: C = fill(self.requests.keys / 2, self.requests.keys);
        self.report(case, 1, |chunk| {
            let keys = self.requests.latest(chunk);
            alone(|| {
                let (mut sum, mut hits) = (0, 0);
                for (i, key) in keys.iter().enumerate() {
                    if i % PUT_EVERY != PUT_EVERY - 1 {
                        hits += usize::from(cache.get(key, &mut sum));
                    } else {
                        cache.put(key, i as u64);
                        hits += 1;
                    }
                }
                black_box(sum);
                hits
            })
        });
    }

    fn mixed<C: Cache<u64>>(&self, case: &str) {
        let mut cache = C::new(self.requests.keys / 10);
        let mut get_or_put = |keys: &[u64]| {
            let (mut sum, mut hits) = (0, 0);
            for key in keys {
                if cache.get(key, &mut sum) {
                    hits += 1;
                } else {
                    cache.put(key, sum);
                }
            }
            black_box(sum);
            hits
        };
        get_or_put(&self.requests.warm_up());
        self.report(case, 1, |chunk| {
            let keys = self.requests.flatter(chunk);
            alone(|| get_or_put(&keys))
        });
    }

    fn two_threads<C: Shared<u64>>(&self, case: &str, work: impl Fn(&C, &[u64]) -> usize + Sync) {
        let cache: C = fill(self.room(), self.requests.keys);
        self.report(case, 2, |chunk| {
            let (keys, others) = (self.requests.skewed(chunk), self.requests.skewed(self.requests.beside(chunk)));
            pair(|| work(&cache, &keys), || work(&cache, &others))
        });
    }

    fn two_threads_mixed<C: Shared<u64>>(&self, case: &str) {
        let cache = C::new(self.requests.keys / 10);
        let get_or_put = |keys: &[u64]| {
            let (mut sum, mut hits) = (0, 0);
            for key in keys {
                if cache.get(key, &mut sum) {
                    hits += 1;
                } else {
                    cache.put_shared(key, sum);
                }
            }
            black_box(sum);
            hits
        };
        get_or_put(&self.requests.warm_up());
        self.report(case, 2, |chunk| {
            let (keys, others) = (self.requests.flatter(chunk), self.requests.flatter(self.requests.beside(chunk)));
            pair(|| get_or_put(&keys), || get_or_put(&others))
        });
    }

    /// Runs the chunks, the first uncounted, and prints what they cost.
    fn report(&self, case: &str, threads: usize, mut run: impl FnMut(usize) -> Sample) {
        run(0);
        let samples: Vec<Sample> = (1..=self.requests.chunks).map(run).collect();
        let requests = (self.requests.chunk * threads) as f64;
        let nanoseconds = |of: fn(&Sample) -> f64| {
            let numbers: Vec<String> = samples.iter().map(|s| format!("{:.2}", of(s) * 1e9 / requests)).collect();
            numbers.join(" ")
        };
        println!("{case}\t{}\ttime\tns/op\t{}", self.subject, nanoseconds(|s| s.seconds));
        if threads > 1 {
            println!("{case}\t{}\tcpu time\tns/op\t{}", self.subject, nanoseconds(|s| s.cpu_seconds));
        }
        let hits: usize = samples.iter().map(|s| s.hits).sum();
        println!("{case}\t{}\thit ratio\t1\t{:.4}", self.subject, hits as f64 / (requests * self.requests.chunks as f64));
    }
}
