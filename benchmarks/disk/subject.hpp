#pragma once

#include "workload.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// Where a store is, and what it has to be ready for.
struct site {
  std::filesystem::path folder;  ///< is there, and empty the first time
  std::size_t count;
  std::size_t value_size;
  bool flushed_puts = false;  ///< each put is followed by a flush
};

/// An open store, asked for a whole pass at once: the loop is compiled together with the store. Destroying it closes it. A value that
/// is not what was put throws std::runtime_error: nobody wins by being wrong.
class open_store {
 public:
  open_store() = default;
  open_store(const open_store&) = delete;
  open_store& operator=(const open_store&) = delete;
  virtual ~open_store() = default;

  /// When it returns, a SIGKILL takes none of the values.
  virtual void put_all(const workload& w) = 0;
  /// When it returns, neither does a power cut.
  virtual void put_flushed(const workload& w) = 0;
  /// Reads every byte of every value; how many values are not there.
  virtual std::size_t read_all(const workload& w) = 0;
  /// Reads the first byte of every value, `passes` times; how many were not there.
  virtual std::size_t touch_all(const workload& w, std::size_t passes) = 0;
};

/// The store that an engine makes. An engine has a constructor from its site, `put(item)`, `settle()`, which ends an open transaction,
/// `flush()`, and `bool get(item, use)`, which calls `use` with the value's bytes while it has them.
template <class Engine>
class store_of final : public open_store {
 public:
  explicit store_of(const site& s) : engine_(s) {}

  void put_all(const workload& w) override {
    for (const item& one : w.items()) engine_.put(one);
    engine_.settle();
  }
  void put_flushed(const workload& w) override {
    for (const item& one : w.items()) {
      engine_.put(one);
      engine_.flush();
    }
  }
  std::size_t read_all(const workload& w) override {
    return pass(w, [](const item& one, std::span<const std::byte> value) {
      return value.size() == one.value.size() && checksum_of(value.data(), value.size()) == one.checksum;
    });
  }
  std::size_t touch_all(const workload& w, std::size_t passes) override {
    std::size_t absent = 0;
    for (; passes != 0; --passes)
      absent += pass(w, [](const item& one, std::span<const std::byte> value) {
        return value.size() == one.value.size() && value[0] == one.first;
      });
    return absent;
  }

 private:
  template <class Check>
  std::size_t pass(const workload& w, Check&& right) {
    std::size_t absent = 0;
    for (const std::uint32_t index : w.reading_order()) {
      const item& one = w.items()[index];
      bool wrong = false;
      if (!engine_.get(one, [&](std::span<const std::byte> value) { wrong = !right(one, value); })) ++absent;
      if (wrong) throw std::runtime_error("under \"" + one.key + "\" was found what nobody put there");
    }
    return absent;
  }

  Engine engine_;
};

/// What may take part: its name, how it is opened, and whether puts that are flushed one by one are asked of it.
struct candidate {
  std::string name;
  std::function<std::unique_ptr<open_store>(const site&)> open;
  bool flushes = true;
};
using candidates = std::vector<candidate>;

template <class Engine>
candidate candidate_of(std::string name, bool flushes = true) {
  return {std::move(name), [](const site& s) { return std::make_unique<store_of<Engine>>(s); }, flushes};
}

}  // namespace bench
