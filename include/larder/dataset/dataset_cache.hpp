#pragma once

// Data sets for training loops: samples are made once, found again in every epoch that follows, in an order that can be resumed (decision 29).

#include <larder/cache.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/dataset/batch.hpp>
#include <larder/dataset/dataset_info.hpp>
#include <larder/dataset/dataset_policies.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/dataset_stats.hpp>
#include <larder/dataset/dataset_stream.hpp>
#include <larder/dataset/dataset_view.hpp>
#include <larder/dataset/named_datasets.hpp>
#include <larder/dataset/named_source.hpp>
#include <larder/dataset/preprocess.hpp>
#include <larder/dataset/range_source.hpp>
#include <larder/dataset/sample_maker.hpp>
#include <larder/dataset/sample_store.hpp>
#include <larder/dataset/stream_options.hpp>
#include <larder/dataset/stream_pipeline.hpp>
#include <larder/dataset/window_choice.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// How `cache_dataset` goes about it.
struct cache_dataset_options {
  std::optional<std::size_t> workers = std::nullopt;  ///< as in `stream_options`
  std::uint64_t quota =
      static_cast<std::uint64_t>(-1);  ///< bytes of samples that the data set may take, from now on; not given: as it was
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress =
      nullptr;                ///< after each batch; `total` is 0 while it is unknown
  std::stop_token stop = {};  ///< ends it with `larder::error` (cancelled); what is cached stays
};

/// Caches the samples of data sets and streams them in batches. Samples are of type Sample, which needs a `codec` (`bytes`, strings, trivially
/// copyable types and vectors of them have one). Policies as for `cache`, in any order; not named: `mmap_disk`, and `epoch_pin`: what came first
/// stays, up to `max_bytes` of samples (none: all of them), and hits are capacity / size of the data in every later epoch, which no order beats.
///
/// Threads: any number. Errors: the constructor throws `larder::error`; what a source or a function throws reaches who asked for the sample; a failing
/// storage is a sample that is made anew. Several processes may use one directory: each sample is made once among them.
template <class Sample, class... Policies>
class dataset_cache {
  static_assert(encodable<Sample>,
                "larder: dataset_cache<Sample> keeps samples as bytes; specialise larder::codec<Sample> (encode, decode) or take "
                "a type that has one");
  using policies = datasets::inner_policies<Policies...>;
  using below = datasets::cache_of<typename policies::type>;
  static constexpr bool keeps = policies::keeps;

 public:
  using sample_type = Sample;
  using cache_type = typename below::type;
  using store_type = datasets::sample_store<cache_type, keeps>;
  using view_type = dataset_view<Sample, store_type>;

  /// Takes the policies' objects in any order, `max_bytes` and `mmap_disk` also where the type does not name them.
  template <class... Given>
    requires(!std::same_as<std::remove_cvref_t<Given>, dataset_cache> && ...)
  explicit dataset_cache(Given&&... given)
      : store_([&] { return below::make(given...); }, datasets::byte_limit(given...), datasets::fill_page(given...)),
        names_(store_) {
    static_assert(
        ((below::template takes<std::remove_cvref_t<Given>> || (keeps && datasets::is_byte_limit<std::remove_cvref_t<Given>>) ||
          (keeps && std::is_same_v<std::remove_cvref_t<Given>, epoch_pin>)) &&
         ...),
        "larder: dataset_cache<Sample> is given a policy that its type does not name; write dataset_cache<Sample, that_policy> "
        "or "
        "make_dataset_cache<Sample>(policies...)");
    static_assert(!(std::is_same_v<Policies, max_bytes> || ...) || (std::is_same_v<std::remove_cvref_t<Given>, max_bytes> || ...),
                  "larder: max_bytes has no number; give the constructor max_bytes{n}");
  }
  dataset_cache(const dataset_cache&) = delete;
  dataset_cache& operator=(const dataset_cache&) = delete;

  // ------------------------------------------------------------------------------------------------ stream

  /// The batches of a source or range, in the order that the options say; each sample is found in the cache or made by `making.f`. Sources are
  /// copied (copies share), a range that is an lvalue is borrowed: it must outlive the stream, as this cache must.
  /// Throws `larder::error` for options that make no sense and for a position of other data.
  template <class Source, class F>
  auto stream(Source&& source, preprocess<F> making, const stream_options& options = {}) {
    static_assert(!std::convertible_to<Source, std::string_view>,
                  "larder: the samples of a data set with a name are preprocessed already; stream(name, options), or "
                  "not_cached{f} for what is done anew");
    return stream_of(datasets::as_source(std::forward<Source>(source)), std::move(making.version), std::move(making.f),
                     datasets::unchanged{}, options);
  }
  /// The same; `augmenting.f` then makes of each sample, anew each time, the one that is handed out.
  template <class Source, class F, class G>
  auto stream(Source&& source, preprocess<F> making, not_cached<G> augmenting, const stream_options& options = {}) {
    return stream_of(datasets::as_source(std::forward<Source>(source)), std::move(making.version), std::move(making.f),
                     std::move(augmenting.f), options);
  }
  /// Records that are samples.
  template <class Source>
    requires(!std::convertible_to<Source, std::string_view>)
  auto stream(Source&& source, const stream_options& options = {}) {
    return stream_of(datasets::as_source(std::forward<Source>(source)), {}, datasets::unchanged{}, datasets::unchanged{},
                     options);
  }
  template <class Source, class G>
    requires(!std::convertible_to<Source, std::string_view>)
  auto stream(Source&& source, not_cached<G> augmenting, const stream_options& options = {}) {
    return stream_of(datasets::as_source(std::forward<Source>(source)), {}, datasets::unchanged{}, std::move(augmenting.f),
                     options);
  }
  /// The samples of a data set that was cached under a name.
  auto stream(std::string_view name, const stream_options& options = {}) {
    return stream_of_name(name, datasets::unchanged{}, options);
  }
  template <class G>
  auto stream(std::string_view name, not_cached<G> augmenting, const stream_options& options = {}) {
    return stream_of_name(name, std::move(augmenting.f), options);
  }
  template <class Source, class F, class... Rest>
    requires(!datasets::is_preprocess<std::remove_cvref_t<F>> && !datasets::is_not_cached<std::remove_cvref_t<F>> &&
             !std::convertible_to<F, stream_options>)
  void stream(Source&&, F&&, Rest&&...) {
    static_assert(sizeof(F) == 0,
                  "larder: what a function makes is cached, so the function needs a version that changes with it: "
                  "preprocess{\"name-v1\", f}; what is random per epoch goes behind the cache: not_cached{f}");
  }

  // ------------------------------------------------------------------------------------------------ data sets with a name

  /// Makes all samples of a source that the cache has not, and remembers them under a name. Returns when that is done. When they do not all fit,
  /// those that did stay; a range that is only borrowed has nothing to make the others from later, so then that is `larder::error` (no_space).
  template <class Source, class F>
  dataset_info cache_dataset(std::string_view name, Source&& source, preprocess<F> making,
                             const cache_dataset_options& options = {}) {
    return cache_source<datasets::is_owned<Source>>(name, datasets::as_source(std::forward<Source>(source)),
                                                    std::move(making.version), std::move(making.f), options);
  }
  template <class Source>
  dataset_info cache_dataset(std::string_view name, Source&& source, const cache_dataset_options& options = {}) {
    return cache_source<datasets::is_owned<Source>>(name, datasets::as_source(std::forward<Source>(source)), {},
                                                    datasets::unchanged{}, options);
  }
  template <class Source, class F, class... Rest>
    requires(!datasets::is_preprocess<std::remove_cvref_t<F>> && !std::convertible_to<F, cache_dataset_options>)
  void cache_dataset(std::string_view, Source&&, F&&, Rest&&...) {
    static_assert(sizeof(F) == 0,
                  "larder: what a function makes is cached, so the function needs a version that changes with it: "
                  "preprocess{\"name-v1\", f}");
  }
  /// Throws `larder::error` (invalid_argument) when there is no such data set.
  view_type get_dataset(std::string_view name) { return names_.view(name); }
  bool contains(std::string_view name) { return names_.find(name).has_value(); }
  /// The data sets with a name, by name.
  std::vector<dataset_info> list() { return names_.list(); }
  /// Forgets a data set and erases the samples that no other named one has; false when there was none. Views and batches keep what they have.
  /// When `control` ends it the data set is forgotten, and some of its samples are still there.
  bool drop(std::string_view name, const sweep_control& control = {}) { return names_.drop(name, control); }
  /// How many bytes of samples a data set may take from now on, whoever streams it by its name; 2^64-1: as many as there are. Nothing is erased for it.
  /// Throws `larder::error` (invalid_argument) when there is no such data set.
  void set_quota(std::string_view name, max_bytes most) { names_.set_quota(name, most.value); }
  /// Erases the samples that a version of the preprocessing made of a source, where no named data set has them: what came first stays, so an old
  /// version would keep a new one out of a full cache. `version` is empty for records that were samples. Views and batches keep what they have.
  template <class Source>
  void erase_samples(Source&& source, std::string_view version) {
    const auto of = datasets::as_source(std::forward<Source>(source));
    std::set<std::string> shards;
    for (std::size_t shard = 0; shard < of.shards(); ++shard) {
      shards.emplace(datasets::shard_key::of(datasets::making_of<Sample>(version), of.fingerprint(shard)).view());
      shards.emplace(datasets::shard_key::of(datasets::making_of_raw(), of.fingerprint(shard)).view());
    }
    names_.erase_unless_named(std::move(shards), {});
  }
  /// Erases everything.
  void clear() {
    store_.clear();
    names_.forget();
  }

  // ------------------------------------------------------------------------------------------------ how much, how well

  dataset_stats stats() const {
    dataset_stats s;
    store_.counts().read_into(s);
    s.weight = store_.weight();
    s.capacity = store_.capacity();
    s.entries = store_.entries();
    s.found_memory = store_.found_memory();
    const double all = store_.mean_size() * static_cast<double>(store_.samples());
    if (all > 0)
      s.expected_hit_ratio = s.capacity == store_type::no_limit ? 1.0 : std::min(1.0, static_cast<double>(s.capacity) / all);
    return s;
  }
  void reset_stats() noexcept { store_.counts().reset(); }
  /// Bytes of samples in the cache.
  std::uint64_t weight() const noexcept { return store_.weight(); }
  std::uint64_t capacity() const noexcept { return store_.capacity(); }
  /// Affects what gets in from now on: nothing is evicted for it.
  void set_capacity(max_bytes most) noexcept requires keeps { store_.set_capacity(most.value); }
  /// Forgets where samples were found that no stream or view uses: 32 bytes each, and the room of samples that others erased. They are found again.
  void trim() { store_.trim(); }
  /// The cache below, for its own statistics and for `flush`. Its entries are not to be changed by hand.
  cache_type& cache() noexcept { return store_.cache(); }

 private:
  template <class Source, class F, class After>
  auto stream_of(Source source, std::string version, F f, After after, const stream_options& options) {
    static_assert(keeps,
                  "larder: a stream uses every sample once an epoch, so an order that evicts to make room (lru, fifo, ...) drops "
                  "each sample before it "
                  "comes again and hits nothing; leave the order out (epoch_pin: hits are capacity / size of the data)");
    return stream_unchecked(std::move(source), std::move(version), std::move(f), std::move(after), options);
  }
  template <class After>
  auto stream_of_name(std::string_view name, After after, stream_options options) {
    datasets::manifest_source source = names_.source(name);
    options.quota = std::min(options.quota, source.quota());
    return stream_of(std::move(source), {}, datasets::encoded_record{}, std::move(after), options);
  }
  template <class Source, class F, class After>
  auto stream_unchecked(Source source, std::string version, F f, After after, const stream_options& options) {
    using record = datasets::record_of<Source>;
    static_assert(std::is_invocable_v<const F&, record>,
                  "larder: preprocess{version, f}: f does not take the records of this source");
    if constexpr (!std::is_same_v<F, datasets::encoded_record>)
      static_assert(datasets::sample_like<Sample, std::invoke_result_t<const F&, record>>,
                    "larder: what f makes of a record (or the record itself, without preprocess) is no sample of this cache");
    if constexpr (!std::is_same_v<After, datasets::unchanged>)
      static_assert(datasets::augmentation<After, Sample>,
                    "larder: not_cached{f} needs f(Sample) or f(Sample, sample_random&) that gives a Sample");
    datasets::check(options);
    if (options.mode == batch_mode::view && !std::is_same_v<Sample, bytes>)
      core::fail(error_cause::invalid_argument,
                 "stream: batch_mode::view is for samples that are bytes; others are decoded into the batch");
    using maker = datasets::sample_maker<Sample, store_type, Source, F>;
    using pipeline = datasets::stream_pipeline<Sample, maker, After>;
    const datasets::source_extent extent = datasets::extent_of(source);
    const datasets::window_choice window = datasets::window_of(extent, options);
    auto made = std::make_unique<maker>(store_, std::move(source), std::move(version), std::move(f), options.quota, window.open,
                                        options.keep, extent);
    store_.note_samples(extent.samples().value_or(0));  // not known: until an epoch has been gone through
    return dataset_stream<Sample, pipeline>(
        std::make_unique<pipeline>(std::move(made), std::move(after), options, window.shards, window.order));
  }
  template <bool Owned, class Source, class F>
  dataset_info cache_source(std::string_view name, Source source, std::string version, F f,
                            const cache_dataset_options& options) {
    datasets::check_dataset_name(name);
    stream_options how{.batch_size = 256,
                       .workers = options.workers,
                       .keep = kept_form::preprocessed,
                       .quota = options.quota != datasets::sample_quota::none ? options.quota : names_.quota_of(name),
                       .stop = options.stop};
    const std::uint64_t total = datasets::extent_of(source).samples().value_or(0);
    const std::uint64_t making = datasets::making_of<Sample>(version);
    dataset_info info{std::string(name), source.name(), version, 0, 0, how.quota};
    typename datasets::named_datasets<Sample, store_type>::making_of_records make = nullptr;
    if constexpr (Owned && std::copy_constructible<Source> && std::copy_constructible<F>)
      make = datasets::remake_of<Sample>(source, f);
    {
      auto stream = stream_unchecked(source, version, f, datasets::unchanged{}, how);
      for (const auto& batch : stream) {
        info.samples += batch.size();
        if (options.on_progress) options.on_progress(info.samples, total);
      }
      info.bytes = stream.stats().bytes_out;
      const std::uint64_t lost = stream.stats().not_kept + stream.stats().failed_puts;
      if (!make && lost != 0)
        core::fail(error_cause::no_space,
                   "data set \"" + info.name + "\" of " + std::to_string(info.bytes) +
                       " bytes does not fit: " + std::to_string(lost) + " of " + std::to_string(info.samples) +
                       " samples have no room, and the range is only borrowed; raise max_bytes, or move the range in");
    }
    names_.remember(info, source, making, std::move(make));
    return info;
  }
  store_type store_;
  datasets::named_datasets<Sample, store_type> names_;
};

/// A data set cache of the policies that are given.
template <class Sample, class... Policies>
auto make_dataset_cache(Policies&&... policies) {
  return dataset_cache<Sample, std::remove_cvref_t<Policies>...>(std::forward<Policies>(policies)...);
}

}  // namespace larder
