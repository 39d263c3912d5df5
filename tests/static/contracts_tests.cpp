// Which types the contracts of the axes take, and which they do not.
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using larder::entry_info;
using larder::slot;

// ----------------------------------------------------------------------------------------------------- eviction

enum class broken { nothing, insert, hit, erase, evict, victim_throws, victim_type };

template <broken What>
struct order_with {
  using policy_axis = larder::axis::eviction;
  struct state {};
  template <class States>
  struct order {
    void on_insert(slot, entry_info) noexcept(What != broken::insert);
    void on_hit(slot) noexcept(What != broken::hit);
    void on_erase(slot) noexcept(What != broken::erase);
    void on_evict(slot, entry_info) noexcept(What != broken::evict);
    std::conditional_t<What == broken::victim_type, int, slot> victim() noexcept(What != broken::victim_throws);
  };
};
static_assert(larder::eviction_policy<order_with<broken::nothing>>);
static_assert(!larder::eviction_policy<order_with<broken::insert>>);
static_assert(!larder::eviction_policy<order_with<broken::hit>>);
static_assert(!larder::eviction_policy<order_with<broken::erase>>);
static_assert(!larder::eviction_policy<order_with<broken::evict>>);
static_assert(!larder::eviction_policy<order_with<broken::victim_throws>>);
static_assert(!larder::eviction_policy<order_with<broken::victim_type>>);

struct right_shape_wrong_axis : order_with<broken::nothing> {
  using policy_axis = larder::axis::storage;
};
struct no_default_state : order_with<broken::nothing> {
  struct state {
    explicit state(int) {}
  };
};
static_assert(!larder::eviction_policy<right_shape_wrong_axis>, "the axis is said, never guessed from the shape");
static_assert(!larder::eviction_policy<no_default_state>);
static_assert(!larder::eviction_policy<int>);
static_assert(!larder::eviction_policy<larder::max_entries>);

static_assert(larder::eviction_policy<larder::lru>);
static_assert(larder::eviction_policy<larder::fifo>);
static_assert(larder::eviction_policy<larder::clock>);
static_assert(larder::eviction_policy<larder::largest_first>);
static_assert(larder::core::has_concurrent_hits<larder::clock> && !larder::core::has_concurrent_hits<larder::lru>);

// ------------------------------------------------------------------------------------------------------- hashing

enum class color : std::uint8_t { red };
struct padded {
  char a;
  int b;
};
struct packed {
  int a;
  int b;
};
struct own_hash {
  bool operator==(const own_hash&) const = default;
};
struct no_hash {};

// storage/limit_meant.hpp: the limit that is named, or the only one.
template <class Limit, class... Policies>
using meant = larder::storage::limit_meant<larder::core::policy_set<Policies...>, Limit>;
static_assert(std::is_same_v<meant<void, larder::lru, larder::max_entries>, larder::max_entries>);
static_assert(std::is_same_v<meant<larder::max_bytes, larder::max_bytes, larder::max_entries>, larder::max_bytes>);
static_assert(std::is_same_v<meant<larder::max_entries, larder::max_bytes, larder::max_entries>, larder::max_entries>);

static_assert(larder::hasher_for<larder::xxh3, std::string_view>);
static_assert(larder::hasher_for<larder::xxh3, int> && larder::hasher_for<larder::xxh3, color> && larder::hasher_for<larder::xxh3, float>);
static_assert(larder::hasher_for<larder::xxh3, packed> && larder::hasher_for<larder::xxh3, larder::digest>);
static_assert(!larder::hasher_for<larder::xxh3, padded>, "padding is not part of the value");
static_assert(!larder::hasher_for<larder::xxh3, int*>, "an address is not the key");
static_assert(larder::hasher_for<larder::xxh3, std::vector<int>> && !larder::hasher_for<larder::xxh3, std::vector<padded>>);
static_assert(larder::hasher_for<larder::xxh3, std::tuple<int, std::string, double>>);
static_assert(larder::hasher_for<larder::xxh3, std::pair<std::string, std::tuple<int, int>>>);
static_assert(!larder::hasher_for<larder::xxh3, std::tuple<int, no_hash, padded>>);
static_assert(larder::hasher_for<larder::identity, int> && larder::hasher_for<larder::identity, color>);
static_assert(!larder::hasher_for<larder::identity, std::string_view> && !larder::hasher_for<larder::identity, double>);
static_assert(larder::hasher_for<larder::std_hash, std::string_view> && larder::hasher_for<larder::std_hash, std::unique_ptr<int>>);
static_assert(!larder::hasher_for<larder::std_hash, no_hash>);

[[maybe_unused]] const auto hash_own = [](const own_hash&) noexcept { return 7; };
[[maybe_unused]] const auto hash_string = [](const std::string& text) { return text.size(); };
static_assert(larder::hasher_for<larder::hash_with<decltype(hash_own)>, own_hash>);
static_assert(!larder::hasher_for<larder::hash_with<decltype(hash_own)>, no_hash>);
static_assert(larder::hasher_for<larder::hash_with<decltype(hash_string)>, std::string_view>, "a function of std::string serves string keys");
static_assert(noexcept(larder::xxh3{}(std::string_view())) && noexcept(larder::xxh3{}(1)) && noexcept(larder::identity{}(1)));
static_assert(noexcept(std::declval<const larder::hash_with<decltype(hash_own)>&>()(own_hash{})));
static_assert(!noexcept(std::declval<const larder::hash_with<decltype(hash_string)>&>()(std::string())));

// ---------------------------------------------------------------------------------------------------------- time

struct counts_ticks {
  std::uint64_t now() const;
};
struct needs_mutable {
  larder::instant now();
};
static_assert(larder::clock_like<larder::manual_clock> && larder::clock_like<larder::steady_time> && larder::clock_like<larder::wall_time>);
static_assert(larder::clock_like<std::chrono::steady_clock> && larder::clock_like<std::chrono::system_clock>);
static_assert(!larder::clock_like<counts_ticks> && !larder::clock_like<needs_mutable> && !larder::clock_like<int>);

// ------------------------------------------------------------------------------------------------------- storage

struct indexed {
  struct handle {};
  struct staged {};
  std::unique_lock<std::mutex> lock();
  template <class F>
  void recover(F&&);
  staged stage(const larder::stored_entry&);
  handle publish(staged&&);
  larder::fetched fetch(const larder::digest&, const larder::bytes&, handle&);
  std::optional<larder::stored_info> find(const larder::digest&, const larder::bytes&);
  std::optional<larder::bytes> key_of(const larder::digest&, handle&);
  void erase(const larder::digest&, const handle&);
  void clear();
};
struct indexed_without_stage : indexed {
  staged stage(const larder::stored_entry&) = delete;
};
struct indexed_with_other_publish : indexed {
  void publish(staged&&);
};
struct indexed_with_move_only_handle : indexed {
  using handle = std::unique_ptr<int>;
};
struct blobs {
  std::optional<larder::bytes> get(std::string_view, larder::byte_range);
  std::optional<larder::blob_info> head(std::string_view);
  bool put(std::string_view, std::span<const larder::bytes>, larder::put_mode);
  bool erase(std::string_view);
  template <class F>
  void list(std::string_view, F&&);
};
struct blobs_whose_put_says_nothing : blobs {
  void put(std::string_view, std::span<const larder::bytes>, larder::put_mode);
};

template <class Store>
struct storage_of {
  using policy_axis = larder::axis::storage;
  using store = Store;
};
struct unnamed_axis {
  using store = indexed;
};

static_assert(larder::indexed_store<indexed> && !larder::indexed_store<blobs>);
static_assert(!larder::indexed_store<indexed_without_stage> && !larder::indexed_store<indexed_with_other_publish>);
static_assert(!larder::indexed_store<indexed_with_move_only_handle>);
static_assert(larder::blob_store<blobs> && !larder::blob_store<indexed> && !larder::blob_store<blobs_whose_put_says_nothing>);
static_assert(larder::storage_policy<larder::memory> && larder::storage_policy<larder::mmap_disk>);
static_assert(larder::storage_policy<storage_of<indexed>> && larder::storage_policy<storage_of<blobs>>);
static_assert(!larder::storage_policy<storage_of<int>> && !larder::storage_policy<unnamed_axis> && !larder::storage_policy<larder::lru>);
static_assert(larder::core::is_logged_storage<larder::mmap_disk> && !larder::core::is_indexed_storage<larder::mmap_disk> && !larder::core::is_remote_storage<larder::mmap_disk>);

// --------------------------------------------------------------------------------------------------------- codec

struct with_codec {
  std::string text;
};

}  // namespace

template <>
struct larder::codec<with_codec> {
  static bytes encode(const with_codec& value) { return bytes::copy_of(value.text); }
  static with_codec decode(const bytes& encoded) { return {std::string(encoded.text())}; }
};

namespace {

static_assert(larder::encodable<larder::bytes> && larder::encodable<std::string> && larder::encodable<int> && larder::encodable<padded>);
static_assert(larder::encodable<std::vector<float>> && larder::encodable<std::vector<padded>> && larder::encodable<with_codec>);
static_assert(larder::encodable<larder::digest> && larder::encodable<color>);
static_assert(!larder::encodable<std::vector<std::string>> && !larder::encodable<std::set<int>> && !larder::encodable<std::unique_ptr<int>>);
static_assert(!larder::encodable<const char*> && !larder::encodable<int indexed::*> && !larder::encodable<std::vector<int*>>);
static_assert(!larder::encodable<std::vector<bool>>);

// ------------------------------------------------------------------------------------- what a remote cache offers

using remote = larder::cache<std::string, int, larder::unbounded, storage_of<blobs>>;
using local = larder::cache<std::string, int, larder::max_entries>;
template <class C>
concept has_size = requires(const C& c) { c.size(); };
template <class C>
concept has_weight = requires(const C& c) { c.weight(); };
template <class C>
concept has_empty = requires(const C& c) { c.empty(); };
template <class C>
concept has_capacity = requires(C& c) { c.set_capacity(5); };
template <class C>
concept has_pin = requires(C& c) { c.pin("key"); };
template <class C>
concept has_erase_prefix = requires(C& c) { c.erase_prefix("key"); };

static_assert(has_size<local> && has_weight<local> && has_empty<local> && has_capacity<local> && has_pin<local>);
static_assert(!has_size<remote> && !has_weight<remote> && !has_empty<remote> && !has_capacity<remote> && !has_pin<remote>);
static_assert(has_erase_prefix<local> && has_erase_prefix<remote>);
static_assert(!has_erase_prefix<larder::cache<int, int, larder::max_entries>>, "only text has prefixes");

}  // namespace
