//! The caches, each as it comes, with its own default hasher.

use std::hash::Hash;

/// What may be a key here.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {}
impl<K: Clone + Eq + Hash + Send + Sync + 'static> Key for K {}

/// A cache of numbers for one thread.
pub trait Cache<K> {
    fn new(capacity: usize) -> Self;
    /// Adds the value to `sum` where it is there.
    fn get(&self, key: &K, sum: &mut u64) -> bool;
    fn put(&mut self, key: &K, number: u64);
    /// Before anything is timed: what the cache put off is done.
    fn settle(&self) {}
}

/// A cache of numbers for any number of threads.
pub trait Shared<K>: Cache<K> + Sync {
    fn put_shared(&self, key: &K, number: u64);
}

pub struct QuickCache<K: Key>(quick_cache::unsync::Cache<K, u64>);

impl<K: Key> Cache<K> for QuickCache<K> {
    fn new(capacity: usize) -> Self {
        Self(quick_cache::unsync::Cache::new(capacity))
    }
    fn get(&self, key: &K, sum: &mut u64) -> bool {
        self.0.get(key).map(|value| *sum = sum.wrapping_add(*value)).is_some()
    }
    fn put(&mut self, key: &K, number: u64) {
        self.0.insert(key.clone(), number);
    }
}

pub struct QuickCacheSync<K: Key>(quick_cache::sync::Cache<K, u64>);

impl<K: Key> Cache<K> for QuickCacheSync<K> {
    fn new(capacity: usize) -> Self {
        Self(quick_cache::sync::Cache::new(capacity))
    }
    fn get(&self, key: &K, sum: &mut u64) -> bool {
        self.0.get(key).map(|value| *sum = sum.wrapping_add(value)).is_some()
    }
    fn put(&mut self, key: &K, number: u64) {
        self.put_shared(key, number);
    }
}
impl<K: Key> Shared<K> for QuickCacheSync<K> {
    fn put_shared(&self, key: &K, number: u64) {
        self.0.insert(key.clone(), number);
    }
}

pub struct Moka<K: Key>(moka::sync::Cache<K, u64>);

impl<K: Key> Cache<K> for Moka<K> {
    fn new(capacity: usize) -> Self {
        Self(moka::sync::Cache::new(capacity as u64))
    }
    fn get(&self, key: &K, sum: &mut u64) -> bool {
        self.0.get(key).map(|value| *sum = sum.wrapping_add(value)).is_some()
    }
    fn put(&mut self, key: &K, number: u64) {
        self.put_shared(key, number);
    }
    fn settle(&self) {
        self.0.run_pending_tasks();
    }
}
impl<K: Key> Shared<K> for Moka<K> {
    fn put_shared(&self, key: &K, number: u64) {
        self.0.insert(key.clone(), number);
    }
}
