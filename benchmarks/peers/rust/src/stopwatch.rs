//! Processor time of one thread; wall time of two that start at the same moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub struct Sample {
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub hits: usize,
}

fn thread_cpu() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec, which is there.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

pub fn alone(work: impl FnOnce() -> usize) -> Sample {
    let begin = thread_cpu();
    let hits = work();
    let seconds = thread_cpu() - begin;
    Sample { seconds, cpu_seconds: seconds, hits }
}

pub fn pair(first: impl FnOnce() -> usize + Send, second: impl FnOnce() -> usize + Send) -> Sample {
    let ready = AtomicUsize::new(0);
    let start_together = || {
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) != 2 {
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            start_together();
            let begin = Instant::now();
            let sample = alone(second);
            (begin, Instant::now(), sample)
        });
        start_together();
        let begin = Instant::now();
        let one = alone(first);
        let end = Instant::now();
        let (other_begin, other_end, two) = other.join().expect("the second thread ends");
        Sample {
            seconds: end.max(other_end).duration_since(begin.min(other_begin)).as_secs_f64(),
            cpu_seconds: (one.cpu_seconds + two.cpu_seconds) / 2.0,
            hits: one.hits + two.hits,
        }
    })
}
