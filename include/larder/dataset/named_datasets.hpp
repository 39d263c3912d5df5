#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/dataset/dataset_info.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/dataset_view.hpp>
#include <larder/dataset/range_source.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_maker.hpp>
#include <larder/dataset/sample_table.hpp>
#include <larder/format/dataset_manifest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::datasets {

inline constexpr std::string_view manifest_prefix = "dataset/";

/// Throws `larder::error` (invalid_argument) for a name that a data set cannot have.
inline void check_dataset_name(std::string_view name) {
  constexpr std::size_t longest = 512;
  const bool plain = std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (name.empty() || name.size() > longest || !plain || !simdjson::validate_utf8(name))
    core::fail(error_cause::invalid_argument, "a data set's name is UTF-8 without control characters, of 1 to " +
                                                  std::to_string(longest) + " bytes; this one has " +
                                                  std::to_string(name.size()));
}

/// Whether a source that is given so belongs to who gets it: a source shares unless it borrows itself, an rvalue is moved in; a range that is an
/// lvalue is borrowed.
template <class Given>
inline constexpr bool is_owned =
    dataset_source<std::remove_cvref_t<Given>> ? !borrows<std::remove_cvref_t<Given>> : !borrows_elements<Given>;

/// What is given as a source, or the source over a range.
template <class Given>
auto as_source(Given&& given) {
  if constexpr (dataset_source<std::remove_cvref_t<Given>>) {
    return std::remove_cvref_t<Given>(std::forward<Given>(given));
  } else {
    static_assert(std::ranges::input_range<Given>,
                  "larder: this is neither a source of samples (larder::dataset_source) nor a C++20 range");
    return range_source(std::forward<Given>(given));
  }
}

/// Makes the sample of a place anew, encoded.
template <class Sample, class Source, class F>
std::function<bytes(std::size_t, std::uint64_t)> remake_of(Source source, F f) {
  return [source = std::move(source), f = std::move(f)](std::size_t shard, std::uint64_t index) -> bytes {
    const auto opened = source.open(shard);
    return codec<Sample>::encode(to_sample<Sample>(std::invoke(f, opened->record(index))));
  };
}

/// A data set by its manifest as a source: its records are samples, encoded.
class manifest_source {
 public:
  using make = std::function<bytes(std::size_t, std::uint64_t)>;

  manifest_source(format::dataset_manifest manifest, make remake)
      : shared_(std::make_shared<const content>(content{std::move(manifest), std::move(remake)})) {}

  class shard {
   public:
    shard(std::shared_ptr<const void> owner, const format::dataset_manifest& manifest, const make& remake, std::size_t number)
        : owner_(std::move(owner)), manifest_(&manifest), make_(&remake), number_(number) {}
    std::uint64_t size() const noexcept { return manifest_->shards[number_].samples; }
    bytes record(std::uint64_t index) const {
      if (!*make_)
        core::fail(error_cause::io, "data set \"" + manifest_->name + "\": the cache no longer has sample " +
                                        std::to_string(index) + " of shard " + std::to_string(number_) +
                                        ", and its source is not open here; cache the data set again");
      return (*make_)(number_, index);
    }

   private:
    std::shared_ptr<const void> owner_;
    const format::dataset_manifest* manifest_;
    const make* make_;
    std::size_t number_;
  };

  std::string name() const { return "data set \"" + shared_->manifest.name + "\""; }
  std::size_t shards() const noexcept { return shared_->manifest.shards.size(); }
  std::uint64_t shard_bytes(std::size_t) const noexcept { return 0; }
  digest fingerprint(std::size_t number) const noexcept {
    const shard_key key = key_of(number);
    digest made;
    std::memcpy(&made.low, key.text.data(), 8);
    std::memcpy(&made.high, key.text.data() + 8, 8);
    return made;
  }
  std::optional<std::uint64_t> count(std::size_t number) const noexcept { return shared_->manifest.shards[number].samples; }
  std::shared_ptr<const shard> open(std::size_t number) const {
    return std::make_shared<const shard>(shared_, shared_->manifest, shared_->remake, number);
  }
  /// What the keys of its samples begin with, which is known here and not made of a fingerprint.
  shard_key key_of(std::size_t number) const noexcept { return shard_key::of_text(shared_->manifest.shards[number].key); }
  std::uint64_t quota() const noexcept { return shared_->manifest.quota; }

 private:
  struct content {
    format::dataset_manifest manifest;
    make remake;
  };
  std::shared_ptr<const content> shared_;
};

/// The data sets of a cache that have names: manifests in the cache, and of those that this process cached what makes their samples.
template <class Sample, class Store>
class named_datasets {
 public:
  using making_of_records = std::function<bytes(std::size_t, std::uint64_t)>;

  explicit named_datasets(Store& store) noexcept : store_(store) {}

  /// Remembers what was cached. Throws `larder::error` (no_space) when the manifest has no room.
  template <class Source>
  void remember(const dataset_info& info, const Source& source, std::uint64_t making, making_of_records make) {
    format::dataset_manifest manifest{info.name, info.source, info.version, info.samples, info.bytes, {}, info.quota};
    for (std::size_t shard = 0; shard < source.shards(); ++shard) {
      const shard_key key = shard_key::of(making, source.fingerprint(shard));
      const std::uint64_t samples =
          store_.table(key, source.count(shard), [&] { return static_cast<std::uint64_t>(source.open(shard)->size()); })->size();
      manifest.shards.push_back({std::string(key.view()), samples});
    }
    std::set<std::string> leaving = shards_of_name(info.name);
    put(manifest);
    for (const auto& shard : manifest.shards) leaving.erase(shard.key);
    if (!leaving.empty()) erase_unless_named(std::move(leaving), info.name);
    const std::lock_guard lock(mutex_);
    makes_[info.name] = std::move(make);
  }
  std::optional<format::dataset_manifest> find(std::string_view name) {
    const std::optional<bytes> text = store_.find_note(key_of(name));
    if (!text) return std::nullopt;
    format::dataset_manifest found = format::dataset_manifest::parse(text->span());
    if (found.name != name)
      core::fail(error_cause::corruption,
                 "the manifest of data set \"" + std::string(name) + "\" says that it is of \"" + found.name + "\"");
    return found;
  }
  format::dataset_manifest manifest(std::string_view name) {
    std::optional<format::dataset_manifest> found = find(name);
    if (!found) {
      std::string known;
      for (const dataset_info& one : list()) known += (known.empty() ? "" : ", ") + one.name;
      core::fail(error_cause::invalid_argument,
                 "there is no data set \"" + std::string(name) + "\"; " +
                     (known.empty() ? "none has been cached under a name" : "there are: " + known));
    }
    return *std::move(found);
  }
  manifest_source source(std::string_view name) { return {manifest(name), make_of(name)}; }
  /// What was said last; none where there is no such data set, or its manifest is damaged.
  std::uint64_t quota_of(std::string_view name) {
    const std::optional<format::dataset_manifest> of = find_whole(name);
    return of ? of->quota : format::dataset_manifest::no_quota;
  }
  void set_quota(std::string_view name, std::uint64_t quota) {
    format::dataset_manifest of = manifest(name);
    of.quota = quota;
    put(of);
  }
  dataset_view<Sample, Store> view(std::string_view name) {
    const format::dataset_manifest of = manifest(name);
    std::vector<std::shared_ptr<sample_table>> tables;
    tables.reserve(of.shards.size());
    for (const auto& shard : of.shards) {
      tables.push_back(store_.table(shard_key::of_text(shard.key), shard.samples, [&] { return shard.samples; }));
      if (tables.back()->size() != shard.samples)
        core::fail(error_cause::corruption, "data set \"" + of.name + "\": its manifest has " + std::to_string(shard.samples) +
                                                " samples for a shard of " + std::to_string(tables.back()->size()));
    }
    return {store_, info_of(of), std::move(tables), make_of(name)};
  }
  std::vector<dataset_info> list() {
    std::vector<dataset_info> found;
    for (const format::dataset_manifest& one : manifests()) found.push_back(info_of(one));
    return found;
  }
  bool drop(std::string_view name, const sweep_control& control) {
    const std::optional<format::dataset_manifest> of = find(name);
    if (!of) return false;
    std::set<std::string> leaving;
    for (const auto& shard : of->shards) leaving.insert(shard.key);
    store_.erase_note(key_of(name));
    erase_unless_named(std::move(leaving), name, control);
    const std::lock_guard lock(mutex_);
    makes_.erase(std::string(name));
    return true;
  }
  /// Erases the samples of shards that no data set with a name has but that one.
  void erase_unless_named(std::set<std::string> leaving, std::string_view but, const sweep_control& control = {}) {
    for (const format::dataset_manifest& other : manifests())
      if (other.name != but)
        for (const auto& shard : other.shards) leaving.erase(shard.key);
    store_.erase_shards(leaving, control);
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    makes_.clear();
  }

 private:
  /// All of them, by name.
  std::vector<format::dataset_manifest> manifests() {
    std::vector<std::string> names;
    store_.cache().for_each([&](const std::string& key, auto&&...) {
      if (key.starts_with(manifest_prefix)) names.push_back(key.substr(manifest_prefix.size()));
    });
    std::sort(names.begin(), names.end());
    std::vector<format::dataset_manifest> found;
    for (const std::string& name : names)
      if (std::optional<format::dataset_manifest> one = find(name)) found.push_back(*std::move(one));
    return found;
  }
  /// Those of the manifest that a name has by now; none where that is damaged.
  std::set<std::string> shards_of_name(std::string_view name) {
    std::set<std::string> shards;
    if (const std::optional<format::dataset_manifest> of = find_whole(name))
      for (const auto& shard : of->shards) shards.insert(shard.key);
    return shards;
  }
  /// Nothing where there is none, or it is damaged.
  std::optional<format::dataset_manifest> find_whole(std::string_view name) {
    try {
      return find(name);
    } catch (const error&) {
      return std::nullopt;
    }
  }
  void put(const format::dataset_manifest& manifest) {
    const std::string text = manifest.json();
    if (!store_.put_note(key_of(manifest.name), bytes::copy_of(text)))
      core::fail(error_cause::no_space, "data set \"" + manifest.name + "\": the cache refused its manifest of " +
                                            std::to_string(text.size()) + " bytes");
  }
  static std::string key_of(std::string_view name) { return std::string(manifest_prefix) + std::string(name); }
  static dataset_info info_of(const format::dataset_manifest& of) {
    return {of.name, of.source, of.version, of.samples, of.bytes, of.quota};
  }
  making_of_records make_of(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = makes_.find(std::string(name));
    return found == makes_.end() ? making_of_records() : found->second;
  }

  Store& store_;
  std::mutex mutex_;
  std::map<std::string, making_of_records> makes_;
};

}  // namespace larder::datasets
