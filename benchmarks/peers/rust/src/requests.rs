//! The requests of a run as bench_memory --draws writes them (benchmarks/memory/draws.hpp), and the keys of their ranks.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

pub struct Requests {
    pub keys: usize,
    pub chunk: usize,
    pub chunks: usize,
    zipf_99: Vec<u32>,
    zipf_90: Vec<u32>,
}

/// A key made of a number, as in bench_memory's workload.cpp.
pub trait FromNumber {
    fn from_number(number: u64) -> Self;
}
impl FromNumber for u64 {
    fn from_number(number: u64) -> u64 {
        splitmix(number)
    }
}
impl FromNumber for String {
    fn from_number(number: u64) -> String {
        format!("{:016x}{:016x}", splitmix(number), number)
    }
}

fn splitmix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d049bb133111eb);
    x ^ (x >> 31)
}

fn read_ranks(path: &Path) -> Result<Vec<u32>> {
    let bytes = fs::read(path)?;
    Ok(bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
}

impl Requests {
    pub fn read(folder: &str) -> Result<Requests> {
        let folder = Path::new(folder);
        let shape = fs::read_to_string(folder.join("shape.txt"))?;
        let number = |name: &str| -> Result<usize> {
            let line = shape.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|text| text.parse().ok()).ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("shape.txt: no {name}")))
        };
        let (keys, chunk, chunks) = (number("keys")?, number("chunk")?, number("chunks")?);
        let zipf_99 = read_ranks(&folder.join("zipf_99.u32"))?;
        let zipf_90 = read_ranks(&folder.join("zipf_90.u32"))?;
        if zipf_99.len() != (1 + chunks) * chunk || zipf_90.len() != 2 * keys + (1 + chunks) * chunk {
            return Err(Error::new(ErrorKind::InvalidData, "the files of ranks have not the length that shape.txt says"));
        }
        Ok(Requests { keys, chunk, chunks, zipf_99, zipf_90 })
    }

    pub fn skewed<K: FromNumber>(&self, chunk: usize) -> Vec<K> {
        self.zipf_99[chunk * self.chunk..][..self.chunk].iter().map(|&rank| K::from_number(rank.into())).collect()
    }
    pub fn warm_up<K: FromNumber>(&self) -> Vec<K> {
        self.zipf_90[..2 * self.keys].iter().map(|&rank| K::from_number(rank.into())).collect()
    }
    pub fn flatter<K: FromNumber>(&self, chunk: usize) -> Vec<K> {
        self.zipf_90[2 * self.keys + chunk * self.chunk..][..self.chunk].iter().map(|&rank| K::from_number(rank.into())).collect()
    }
    /// Each 20th is a put of a key that never was, the others get a key by its age.
    pub fn latest(&self, chunk: usize) -> Vec<u64> {
        let begin = chunk * self.chunk;
        (begin..begin + self.chunk)
            .map(|i| {
                let newest = (self.keys - 1 + i / 20) as u64;
                u64::from_number(if i % 20 == 19 { newest + 1 } else { newest - u64::from(self.zipf_99[i]) })
            })
            .collect()
    }
    /// Who runs beside chunk `chunk` on the second thread.
    pub fn beside(&self, chunk: usize) -> usize {
        if chunk == 0 { self.chunks } else { chunk - 1 }
    }
}
