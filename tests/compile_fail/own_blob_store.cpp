// What drives a cache on a blob_store comes with the umbrella, and with the storages of larder that are one; not with the cache alone.
#include <larder/cache.hpp>
#include <larder/limit/unbounded.hpp>
#ifndef LARDER_COMPILE_FAIL
#include <larder/storage/remote_engine.hpp>
#endif

#include <string>

#include "empty_bucket.hpp"

namespace {

// expect: larder: what drives a blob_store from outside is in larder/storage/remote_engine.hpp, which larder/larder.hpp brings; include one of them
#ifdef LARDER_COMPILE_FAIL
larder::cache<std::string, std::string, empty_bucket, larder::unbounded> without_an_engine;
#else
larder::cache<std::string, std::string, empty_bucket, larder::unbounded> with_one;
#endif

}  // namespace
