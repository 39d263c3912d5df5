#pragma once

// A source that counts what is read of it, byte by byte: layers of two tensors whose bytes tell the layer, the place in it and the
// version of the layer. Loads can be held, fail, and meet damaged bytes.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/read_path.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace larder_tests {

inline std::byte counted_byte(std::size_t layer, std::uint64_t at, unsigned version) {
  return static_cast<std::byte>((at * 7 + at / 4096 + layer * 31 + version * 101) & 0xffU);
}

/// What the source's copies share; outlives them.
class counted {
 public:
  std::uint64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  std::uint64_t bytes_of(std::size_t layer) {
    const std::lock_guard lock(mutex_);
    return by_layer_[layer];
  }
  /// Where the last load of a layer began to read.
  std::uint64_t begin_of(std::size_t layer) {
    const std::lock_guard lock(mutex_);
    return begins_[layer];
  }
  /// The layer has other bytes from now on.
  void change(std::size_t layer) {
    const std::lock_guard lock(mutex_);
    ++versions_[layer];
  }
  void damage(std::size_t layer, std::uint64_t at, bool damaged = true) {
    const std::lock_guard lock(mutex_);
    if (damaged)
      damaged_.insert({layer, at});
    else
      damaged_.erase({layer, at});
  }
  /// The next reads of so many pieces of the layer fail.
  void fail(std::size_t layer, int times) {
    const std::lock_guard lock(mutex_);
    failures_[layer] = times;
  }
  /// From now on reads of that layer wait for `let`.
  void hold(std::size_t layer) {
    const std::lock_guard lock(mutex_);
    held_ = layer;
    waiting_ = 0;
  }
  /// Waits (bounded) until so many reads wait.
  bool waits(int reads = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return waiting_ >= reads; });
  }
  void let() {
    const std::lock_guard lock(mutex_);
    held_.reset();
    changed_.notify_all();
  }

  void read(std::size_t layer, std::uint64_t offset, std::span<std::byte> destination) {
    std::unique_lock lock(mutex_);
    const unsigned version = versions_[layer];  // before it waits: what was read before a change comes after it
    if (held_ == layer) {
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return held_ != layer; });
    }
    if (failures_[layer] > 0) {
      --failures_[layer];
      throw std::runtime_error("layer " + std::to_string(layer) + " is out of reach");
    }
    for (std::size_t k = 0; k < destination.size(); ++k) destination[k] = counted_byte(layer, offset + k, version);
    for (const auto& [index, at] : damaged_)
      if (index == layer && at >= offset && at - offset < destination.size()) destination[at - offset] ^= std::byte{4};
    bytes_ += destination.size();
    by_layer_[layer] += destination.size();
  }
  void begins(std::size_t layer, std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    begins_[layer] = offset;
  }
  unsigned version_of(std::size_t layer) {
    const std::lock_guard lock(mutex_);
    return versions_[layer];
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, std::uint64_t> by_layer_;
  std::map<std::size_t, std::uint64_t> begins_;
  std::map<std::size_t, unsigned> versions_;
  std::map<std::size_t, int> failures_;
  std::set<std::pair<std::size_t, std::uint64_t>> damaged_;
  std::optional<std::size_t> held_;
  int waiting_ = 0;
  std::uint64_t bytes_ = 0;
};

/// Layers of two tensors of half the size each.
inline std::vector<larder::layer_info> counted_layers(const std::vector<std::uint64_t>& sizes) {
  std::vector<larder::layer_info> layers;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string name = "layer." + std::to_string(i);
    const std::uint64_t half = sizes[i] / 2;
    layers.push_back({name,
                      sizes[i],
                      {{name + ".a", larder::dtype::u8, {half}, 0, half},
                       {name + ".b", larder::dtype::u8, {sizes[i] - half}, half, sizes[i] - half}}});
  }
  return layers;
}

/// Read piece by piece.
class counted_source {
 public:
  counted_source(counted& state, const std::vector<std::uint64_t>& sizes) : state_(&state), layers_(counted_layers(sizes)) {}
  std::span<const larder::layer_info> layers() const { return layers_; }
  void read(std::size_t i, std::uint64_t offset, std::span<std::byte> destination) const { state_->read(i, offset, destination); }
  std::uint64_t read_unit() const { return 32 * 1024; }

 protected:
  counted& state() const { return *state_; }

 private:
  counted* state_;
  std::vector<larder::layer_info> layers_;
};

/// The same, with the digests of the layers' first version.
class counted_source_with_digests : public counted_source {
 public:
  using counted_source::counted_source;
  larder::layers::tensor_digests digests() const {
    larder::layers::tensor_digests all;
    for (std::size_t i = 0; i < layers().size(); ++i) {
      auto& row = all.emplace_back();
      for (const larder::tensor_info& t : layers()[i].tensors) {
        std::vector<std::byte> bytes(t.size);
        for (std::size_t k = 0; k < bytes.size(); ++k) bytes[k] = counted_byte(i, t.offset + k, 0);
        row.emplace_back(larder::digest_of(bytes));
      }
    }
    return all;
  }
};

/// Read as a whole, telling how far it has come; two at a time.
class counted_source_with_arrival : public counted_source {
 public:
  using counted_source::counted_source;
  void read(std::size_t, std::uint64_t, std::span<std::byte>) const { throw std::logic_error("read_layer is asked"); }
  void read_by(larder::read_path) {}
  std::size_t offset_in_page(std::size_t i) const { return i % 2 * 512; }
  std::size_t loads_at_once() const { return 2; }
  void read_layer(std::size_t i, std::span<std::byte> destination, larder::layers::arrival& heard) const {
    go_over(i, 0, destination, heard);
  }

 protected:
  void go_over(std::size_t i, std::uint64_t from, std::span<std::byte> destination, larder::layers::arrival& heard) const {
    state().begins(i, from);
    for (std::uint64_t at = from; at < destination.size();) {
      const std::uint64_t n = std::min<std::uint64_t>(50'000, destination.size() - at);
      state().read(i, at, destination.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(n)));
      at += n;
      heard.arrived(at);
    }
  }
};
class counted_source_with_rest : public counted_source_with_arrival {
 public:
  using counted_source_with_arrival::counted_source_with_arrival;
  void read_rest(std::size_t i, std::uint64_t from, std::span<std::byte> destination, larder::layers::arrival& heard) const {
    go_over(i, from, destination, heard);
  }
};

/// How many bytes are not those of that version of the layer.
template <class Layer>
std::size_t wrong_counted_bytes(const Layer& layer, unsigned version = 0) {
  std::size_t wrong = 0;
  for (std::size_t k = 0; k < layer.size(); ++k)
    wrong += layer.data().data()[k] != counted_byte(layer.index(), k, version) ? 1U : 0U;
  return wrong;
}

}  // namespace larder_tests
