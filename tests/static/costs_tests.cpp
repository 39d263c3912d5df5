// What is not named costs nothing; what is handed out is small; what cannot move says so.
#include <larder/larder.hpp>
#include <larder/storage/memory_spec.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

using namespace larder::literals;

namespace {

// ------------------------------------------------------------------------------------------------- sizes of entries

template <class... Policies>
using entry_of = larder::storage::table_entry<
    larder::storage::memory_spec<std::uint64_t, std::uint64_t, larder::storage::engine_context<larder::memory, Policies...>>>;
[[maybe_unused]] const auto weigh = [](std::uint64_t, std::uint64_t) { return 1; };

struct nothing_kept {
  using policy_axis = larder::axis::eviction;
  struct state {};
  template <class States>
  struct order {
    void on_insert(larder::slot, larder::entry_info) noexcept {}
    void on_hit(larder::slot) noexcept {}
    void on_erase(larder::slot) noexcept {}
    void on_evict(larder::slot, larder::entry_info) noexcept {}
    larder::slot victim() noexcept { return larder::no_slot; }
  };
};

constexpr std::size_t bare = 3 * sizeof(std::uint64_t);  // key, value, hash
constexpr std::size_t stamp = sizeof(larder::instant);
static_assert(sizeof(entry_of<nothing_kept, larder::unbounded>) == bare, "no order, no limit, no expiry: no field");
static_assert(sizeof(entry_of<larder::lru, larder::max_entries>) == bare + 8, "an order keeps its own state only");
static_assert(sizeof(entry_of<larder::fifo, larder::unbounded>) == bare + 8);
static_assert(sizeof(entry_of<larder::lru, larder::max_entries, larder::max_bytes>) == bare + 8 + 8, "a weight with a byte limit");
static_assert(sizeof(entry_of<larder::lru, larder::max_bytes, larder::max_weight, larder::weigher<decltype(weigh)>>) == bare + 8 + 16);
static_assert(sizeof(entry_of<larder::lru, larder::max_entries, larder::expire_after_write>) == bare + 8 + stamp);
static_assert(sizeof(entry_of<larder::lru, larder::max_entries, larder::expire_after_access>) == bare + 8 + stamp);
static_assert(sizeof(entry_of<larder::lru, larder::max_entries, larder::ttl>) == bare + 8 + 2 * stamp, "its deadline and when it was written");
static_assert(sizeof(entry_of<larder::lru, larder::max_entries, larder::sharded<8>>) == sizeof(entry_of<larder::lru, larder::max_entries, larder::unsynchronized>));

static_assert(sizeof(larder::bytes) == 24);
static_assert(sizeof(larder::digest) == 16);
static_assert(sizeof(larder::slot) == 4 && sizeof(larder::entry_info) == 16);
static_assert(std::is_empty_v<larder::memory> && std::is_empty_v<larder::lru> && std::is_empty_v<larder::xxh3> && std::is_empty_v<larder::unsynchronized>);

// ------------------------------------------------------------------------------------------------------ compression

static_assert(std::is_empty_v<larder::storage::compression<larder::core::none>>, "without a policy there is nothing to keep");
static_assert(std::is_empty_v<larder::storage::timing_part<larder::core::none, true>> && std::is_empty_v<larder::storage::history_part<larder::core::none>>,
              "who is not timed or remembered keeps nothing for it");
static_assert(std::is_empty_v<decltype(std::declval<const larder::storage::engine_context<larder::memory, larder::max_entries>&>().latency())>);
template <class Value, class... Policies>
using spec_of = larder::storage::memory_spec<std::uint64_t, Value, larder::storage::engine_context<larder::memory, Policies...>>;
static_assert(std::is_same_v<spec_of<std::string, larder::max_bytes>::payload, std::string> && spec_of<std::string, larder::max_bytes>::dimensions == 2);
static_assert(spec_of<std::string, larder::max_entries>::dimensions == 1 && spec_of<std::string, larder::max_entries>::limits == 1);
static_assert(larder::storage::logged_spec<larder::storage::engine_context<larder::mmap_disk, larder::max_bytes>>::dimensions == 2);
struct nothing_smaller {
  using policy_axis = larder::axis::compression;
  static constexpr const char* name = "nothing";
  std::uint64_t from = 1;
  double saving = 0;
  struct compressor {
    explicit compressor(const nothing_smaller&) {}
    std::size_t compress(std::span<const std::byte>, std::span<std::byte>) const { return 0; }
    bool may_become(std::span<const std::byte>, std::uint64_t) const { return false; }
    bool decompress(std::span<const std::byte>, std::span<std::byte>) const { return false; }
  };
};
static_assert(larder::compression_policy<nothing_smaller>);
static_assert(sizeof(spec_of<larder::bytes, larder::max_bytes, nothing_smaller>::payload) == 40, "a frame, two sizes and which of the two it is");
static_assert(spec_of<larder::bytes, larder::max_bytes, nothing_smaller>::dimensions == 3, "and the bytes that callers see");
static_assert(larder::storage::logged_spec<larder::storage::engine_context<larder::mmap_disk, larder::max_bytes, nothing_smaller>>::dimensions == 3);

// ------------------------------------------------------------------------------------------------------------ locks

static_assert(std::is_same_v<larder::sharded<>::mutex, larder::sync::shard_mutex>);
static_assert(sizeof(larder::sync::shard_mutex) == 4);
static_assert(std::is_empty_v<larder::unsynchronized::mutex>);
template <class... Policies>
using mutex_of = typename larder::storage::memory_spec<int, int, larder::storage::engine_context<larder::memory, Policies...>>::mutex;
static_assert(std::is_same_v<mutex_of<larder::unbounded, larder::unsynchronized>, larder::unsynchronized::mutex>);
static_assert(std::is_same_v<mutex_of<larder::unbounded>, larder::sync::shard_mutex>);
static_assert(sizeof(larder::sync::counter<false>) == sizeof(std::uint64_t));
static_assert(std::is_trivially_copyable_v<larder::sync::counter<false>> || !std::is_same_v<larder::sync::counter<false>, larder::sync::counter<true>>,
              "an unsynchronized cache counts without atomics");
static_assert(larder::unsynchronized::shards == 1 && larder::sharded<8>::shards == 8);

// ------------------------------------------------------------------------------------------------ copies and moves

using counted = larder::cache<std::string, int, larder::max_entries>;
using pinned = counted::lease;
using two_tiers = larder::tiered<larder::tier<counted, larder::tier_mode::write_through>, larder::tier<counted, larder::tier_mode::read_only>>;

template <class T>
constexpr bool stays = !std::is_copy_constructible_v<T> && !std::is_move_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                       !std::is_move_assignable_v<T>;
static_assert(stays<counted> && stays<two_tiers> && stays<larder::manual_clock>);
static_assert(!std::is_constructible_v<counted, counted&> && !std::is_constructible_v<counted, const counted&>);
static_assert(!std::is_copy_constructible_v<pinned> && std::is_nothrow_move_constructible_v<pinned> && std::is_nothrow_move_assignable_v<pinned>);

static_assert(std::is_nothrow_default_constructible_v<larder::bytes> && std::is_nothrow_copy_constructible_v<larder::bytes>);
static_assert(std::is_nothrow_move_constructible_v<larder::bytes> && std::is_nothrow_move_assignable_v<larder::bytes>);
static_assert(!std::is_copy_constructible_v<larder::mutable_bytes> && std::is_nothrow_move_constructible_v<larder::mutable_bytes>);
static_assert(noexcept(std::declval<const larder::bytes&>() == std::declval<const larder::bytes&>()));
static_assert(noexcept(std::declval<const counted&>().size()) && noexcept(std::declval<const counted&>().weight()) &&
              noexcept(std::declval<const counted&>().empty()) && noexcept(std::declval<counted&>().reset_stats()));
static_assert(std::is_nothrow_move_constructible_v<larder::mmap_disk::store::handle>);

// ----------------------------------------------------------------------------------------- deduction and signatures

static_assert(std::is_same_v<decltype(larder::weigher{weigh}), larder::weigher<std::remove_const_t<decltype(weigh)>>>);
static_assert(std::is_same_v<decltype(larder::time_source{std::declval<larder::manual_clock&>()}), larder::time_source<larder::manual_clock>>);
static_assert(std::is_same_v<decltype(larder::time_source{larder::wall_time{}}), larder::time_source<larder::wall_time>>);
[[maybe_unused]] const auto heard = [](const std::string&, int, larder::removal_cause) {};
[[maybe_unused]] const auto failed = [](const larder::error_event&) {};
static_assert(std::is_same_v<decltype(larder::removal_listener{heard}), larder::removal_listener<std::remove_const_t<decltype(heard)>>>);
static_assert(std::is_same_v<decltype(larder::error_listener{failed}), larder::error_listener<std::remove_const_t<decltype(failed)>>>);
static_assert(std::is_same_v<decltype(larder::tiered{std::declval<counted&>(), larder::read_only(std::declval<counted&>())}), two_tiers>);
static_assert(std::is_same_v<decltype(larder::tiered{std::declval<std::unique_ptr<counted>>()}),
                             larder::tiered<larder::tier<counted, larder::tier_mode::write_through>>>);
static_assert(std::is_same_v<decltype(larder::make_cache<std::string, int>(larder::lru{}, std::declval<larder::max_entries>())),
                             larder::cache<std::string, int, larder::lru, larder::max_entries>>);

static_assert(std::is_same_v<decltype(std::declval<counted&>().get("a")), std::optional<int>>);
static_assert(std::is_same_v<decltype(std::declval<counted&>().put("a", 1)), bool>);
static_assert(std::is_same_v<decltype(std::declval<counted&>().erase("a")), bool>);
static_assert(std::is_same_v<decltype(std::declval<counted&>().get_or_load_async("a", [] { return 1; })), std::future<int>>);
static_assert(std::is_same_v<counted::key_view, std::string_view> && std::is_same_v<counted::key_type, std::string> && std::is_same_v<counted::mapped_type, int>);
static_assert(!std::is_convertible_v<int, larder::max_entries> && !std::is_convertible_v<double, larder::watermark>, "a number alone is no policy");

// ------------------------------------------------------------------------------------------------------------ units

static_assert(1_kB == 1000 && 1_MB == 1'000'000 && 1_GB == 1'000'000'000 && 1_TB == 1'000'000'000'000 && 7_B == 7);
static_assert(1_KiB == 1024 && 64_KiB == 65'536 && 1_MiB == 1'048'576 && 4_GiB == 4'294'967'296 && 1_TiB == 1'099'511'627'776);
static_assert(std::is_same_v<decltype(4_GiB), std::uint64_t>);
static_assert(larder::max_bytes{4_GiB}.value == 4'294'967'296 && larder::max_entries{3}.value == 3);
static_assert(larder::expire_after_write{24h}.value == 86'400s);
static_assert(larder::watermark{0.9}.of(100) == 90);
static_assert(larder::digest::parse("99aa06d3014798d86001c324468d497f").has_value() && !larder::digest::parse("99AA").has_value());
static_assert(larder::to_string(larder::error_cause::no_space) == "no_space");

}  // namespace
