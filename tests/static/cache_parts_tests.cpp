// What a cache is made of follows from its policies alone.
#include <larder/larder.hpp>
#include <larder/storage/cache_parts.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/storage/value_landing.hpp>

#include <string>
#include <type_traits>

namespace {

template <class... Policies>
using parts = larder::storage::cache_parts<std::string, larder::bytes, Policies...>;

using plain = parts<larder::lru, larder::max_entries>;
static_assert(std::is_same_v<plain::where, larder::memory>);
static_assert(std::is_same_v<plain::engine, larder::storage::memory_engine<std::string, larder::bytes, plain::context>>);
static_assert(std::is_same_v<plain::landing, larder::storage::value_landing>);  // nothing lands in memory on its way

using observed = parts<larder::miss_ratio_curve, larder::max_entries>;
static_assert(std::is_same_v<
              observed::engine,
              larder::storage::observed_engine<std::string, larder::bytes, observed::context,
                                               larder::storage::memory_engine<std::string, larder::bytes, observed::context>>>);

using on_disk = parts<larder::max_bytes, larder::mmap_disk>;
static_assert(std::is_same_v<on_disk::engine, larder::storage::logged_transfers<std::string, larder::bytes, on_disk::context>>);
static_assert(std::is_base_of_v<larder::storage::value_landing, on_disk::landing> &&
              !std::is_same_v<on_disk::landing, larder::storage::value_landing>);

}  // namespace
