#pragma once

#include <larder/cache.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/kept_form.hpp>
#include <larder/dataset/preprocess.hpp>
#include <larder/dataset/raw_record.hpp>
#include <larder/dataset/sample_quota.hpp>
#include <larder/dataset/sample_store.hpp>
#include <larder/dataset/shards_ahead.hpp>
#include <larder/dataset/source_extent.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/sync/sharded.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::datasets {

/// What a function made, or the record itself, as a sample: as it is where it converts, a copy of its bytes where samples are `bytes`.
template <class Sample, class Made>
concept sample_like = std::convertible_to<Made, Sample> ||
                      (std::same_as<Sample, std::string>&& std::convertible_to<Made, std::string_view>) ||
                      (std::same_as<Sample, bytes> &&
                       (std::convertible_to<Made, std::string_view> || std::convertible_to<Made, std::span<const std::byte>>));

template <class Sample, class Made>
Sample to_sample(Made&& made) {
  if constexpr (std::convertible_to<Made, Sample>)
    return std::forward<Made>(made);
  else if constexpr (std::same_as<Sample, std::string>)
    return std::string(std::string_view(made));
  else if constexpr (std::convertible_to<Made, std::string_view>)
    return bytes::copy_of(std::string_view(made));
  else
    return bytes::copy_of(std::span<const std::byte>(made));
}

/// Takes records that are samples already, encoded.
struct encoded_record {
  bytes operator()(bytes record) const noexcept { return record; }
};

/// Gives the samples of a source: from the store, or made of its records. Shards that are open stay so for as long as a window needs them.
/// Any number of threads.
template <class Sample, class Store, dataset_source Source, class F>
class sample_maker {
 public:
  using shard = shard_of<Source>;
  using raw = raw_record<record_of<Source>>;
  static constexpr bool is_encoded = std::same_as<F, encoded_record>;
  /// Whether records can be kept as they are, and that is another thing than keeping samples.
  static constexpr bool may_keep_raw = raw::can_be_kept && !is_encoded && !std::same_as<F, unchanged>;

  /// `quota`: bytes that the samples may take. `open` shards at most are held open. Throws `larder::error` (invalid_argument) for `kept_form::raw` where records cannot be kept.
  sample_maker(Store& store, Source source, std::string version, F f, std::uint64_t quota, std::size_t open, kept_form keep,
               const source_extent& extent)
      : store_(store),
        source_(std::move(source)),
        f_(std::move(f)),
        making_(making_of<Sample>(version)),
        quota_(quota_of(quota)),
        open_(max_entries{open}),
        extent_(extent) {
    if (keep == kept_form::raw && !raw::can_be_kept)
      core::fail(error_cause::invalid_argument,
                 source_.name() +
                     ": records of this kind cannot be kept raw, as they are more than their bytes; keep them preprocessed");
    if constexpr (may_keep_raw) begin_choice(keep);
  }

  const Source& source() const noexcept { return source_; }
  Store& store() noexcept { return store_; }

  /// Where the samples of a shard are, as far as that is known.
  std::shared_ptr<sample_table> table(std::size_t number, batch_counts& n) {
    return store_.table(key_of(number), source_.count(number),
                        [&] { return static_cast<std::uint64_t>(opened(number, n)->size()); });
  }
  /// A window of an epoch comes next: once a shard of it has to be opened, the others and those that follow are read ahead.
  void expect(const epoch_order& order, std::size_t window) {
    if constexpr (reads_ahead<Source>) ahead_.expect(source_, order, window);
  }
  /// A sample, encoded.
  bytes get(sample_table& table, std::size_t number, std::uint64_t index, const std::stop_token& stop, batch_counts& n) {
    if constexpr (may_keep_raw)
      if (form_.load(std::memory_order_relaxed) == kept_form::raw) return get_raw(table, number, index, stop, n);
    return store_.find_or_make(table, index, *quota_, stop, n, [&] { return make(number, index, n); });
  }
  /// In which form samples are kept by now.
  kept_form form() const noexcept { return form_.load(std::memory_order_relaxed); }

 private:
  using clock = std::chrono::steady_clock;

  shard_key key_of(std::size_t number) const {
    if constexpr (requires {
                    { source_.key_of(number) } -> std::same_as<shard_key>;
                  })
      return source_.key_of(number);
    else
      return shard_key::of(making_, source_.fingerprint(number));
  }
  shard_key raw_key_of(std::size_t number) const { return shard_key::of(making_of_raw(), source_.fingerprint(number)); }
  std::shared_ptr<sample_quota> quota_of(std::uint64_t most) {
    std::set<std::string> shards;
    if (most != sample_quota::none)
      for (std::size_t number = 0; number < source_.shards(); ++number) {
        shards.emplace(key_of(number).view());
        if constexpr (may_keep_raw) shards.emplace(raw_key_of(number).view());
      }
    return store_.quota(most, shards);
  }
  bytes make(std::size_t number, std::uint64_t index, batch_counts& n) {
    const std::shared_ptr<const shard> from = opened(number, n);
    if (index >= from->size())
      core::fail(error_cause::corruption,
                 source_.name() + ": shard " + std::to_string(number) + " has " + std::to_string(from->size()) +
                     " records, and had more when it was first read; its fingerprint ought to have changed");
    const clock::time_point begun = clock::now();
    ++n.computed;
    bytes made;
    if constexpr (is_encoded)
      made = f_(from->record(index));
    else
      made = codec<Sample>::encode(to_sample<Sample>(std::invoke(f_, from->record(index))));
    const clock::duration took = clock::now() - begun;
    n.preprocess_time += took;
    if constexpr (may_keep_raw)
      if (form_.load(std::memory_order_relaxed) == kept_form::automatic) {
        if (choice_.wants_samples()) choice_.note(took, raw::encode(from->record(index)).size(), made.size());
        choose();
      }
    return made;
  }
  /// Of records that are kept as they are; some samples may be kept from before that was chosen.
  bytes get_raw(sample_table& table, std::size_t number, std::uint64_t index, const std::stop_token& stop, batch_counts& n) {
    if (chosen_)
      if (std::optional<bytes> found = store_.find(table, index)) {
        ++n.hits;
        return *std::move(found);
      }
    const bytes kept = store_.find_or_make(*raw_table(number, table.size()), index, *quota_, stop, n,
                                           [&] { return raw::encode(opened(number, n)->record(index)); });
    const clock::time_point begun = clock::now();
    ++n.computed;
    auto record = raw::restore(kept);
    bytes made = codec<Sample>::encode(to_sample<Sample>(std::invoke(f_, static_cast<record_of<Source>>(record))));
    n.preprocess_time += clock::now() - begun;
    return made;
  }
  std::shared_ptr<sample_table> raw_table(std::size_t number, std::uint64_t size) {
    const std::lock_guard lock(raw_mutex_);
    std::shared_ptr<sample_table>& found = raw_tables_[number];
    if (found == nullptr) found = store_.table(raw_key_of(number), size, [&] { return size; });
    return found;
  }

  /// What was chosen before, by whichever process, holds.
  void begin_choice(kept_form keep) {
    form_ = keep;
    if (keep != kept_form::automatic) return;
    if (store_.capacity() == Store::no_limit || extent_.bytes == 0) {  // all fits, or lies in memory, where reading costs nothing
      form_ = kept_form::preprocessed;
    } else if (const std::optional<bytes> noted = store_.find_note(form_key()); noted && noted->size() == 1) {
      chosen_ = true;
      form_ = (*noted->data() == std::byte{1}) ? kept_form::raw : kept_form::preprocessed;
    }
  }
  void choose() {
    const std::optional<kept_form> verdict = choice_.verdict(store_.capacity(), extent_.counted, extent_.bytes_uncounted);
    if (!verdict || choosing_.exchange(true)) return;
    const std::byte said{static_cast<std::uint8_t>(*verdict == kept_form::raw ? 1 : 0)};
    store_.put_note(form_key(), bytes::copy_of(&said, 1));
    chosen_ = true;
    form_.store(*verdict, std::memory_order_relaxed);
  }
  sample_key form_key() const { return sample_key(key_of(0), sample_key::form_number); }

  std::shared_ptr<const shard> opened(std::size_t number, batch_counts& n) {
    if (std::optional<std::shared_ptr<const shard>> found = open_.get(number)) return *std::move(found);
    return open_.get_or_load(number, [&]() -> std::shared_ptr<const shard> {
      if constexpr (reads_ahead<Source>) ahead_.begin(source_, number);
      const clock::time_point begun = clock::now();
      std::shared_ptr<const shard> from = source_.open(number);
      const clock::duration took = clock::now() - begun;
      n.read_time += took;
      if constexpr (may_keep_raw) choice_.note_read(took, from->size());
      n.bytes_read += source_.shard_bytes(number);
      ++n.shards_opened;
      return from;
    });
  }

  Store& store_;
  Source source_;
  F f_;
  std::uint64_t making_;
  std::shared_ptr<sample_quota> quota_;
  larder::cache<std::size_t, std::shared_ptr<const shard>, fifo, max_entries> open_;

  source_extent extent_;
  shards_ahead ahead_;
  std::atomic<kept_form> form_{kept_form::preprocessed};
  std::atomic<bool> chosen_{false}, choosing_{false};  // by measuring
  kept_choice choice_;
  std::mutex raw_mutex_;
  std::map<std::size_t, std::shared_ptr<sample_table>> raw_tables_;
};

}  // namespace larder::datasets
