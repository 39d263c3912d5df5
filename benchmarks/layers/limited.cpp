#include "catalogue.hpp"

#include "../lap.hpp"
#include "computing.hpp"
#include "../mapped_file.hpp"
#include "../page_cache.hpp"
#include "memory_group.hpp"
#include "subjects.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t passes = 4;  // of which the first fills what is to be filled, and is not counted
constexpr auto computing = 20ms;   // for each layer

/// Beside what is kept of the model: the program, and what the kernel reads ahead.
constexpr std::uint64_t beside = 100'000'000;

const std::vector<metric> metrics{{"pass", "s", 2}, {"cpu", "s", 2}, {"read per pass", "MiB", 0}};

/// What this process had read from disks.
double bytes_read() {
  std::ifstream io("/proc/self/io");
  for (std::string line; std::getline(io, line);)
    if (line.starts_with("read_bytes:")) return std::stod(line.substr(11));
  throw std::runtime_error("/proc/self/io does not tell what was read");
}

/// Counts from the end of the first pass to that of the last one. `use` is to be called with each layer of each pass.
class pass_counter {
 public:
  explicit pass_counter(const model& m) : model_(m) {}

  void use(std::size_t index, std::span<const std::byte> layer) {
    check_layer(model_, index, layer);
    compute(computing);
    if (++seen_ == model_.layers.size()) first_ = now();
  }
  std::vector<double> numbers() const {
    if (seen_ != passes * model_.layers.size()) throw std::runtime_error("it did not see every layer of every pass");
    const state end = now();
    constexpr double counted = passes - 1;
    return {(end.wall - first_.wall) / counted, (end.cpu - first_.cpu) / counted, (end.read - first_.read) / counted / mebi};
  }

 private:
  struct state {
    double wall;
    double cpu;
    double read;
  };
  static state now() { return {seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID), bytes_read()}; }

  const model& model_;
  std::size_t seen_ = 0;
  state first_{};
};

/// A contender in a group of its own; `work(counter)` goes through the passes.
contender in_group(const model& m, std::uint64_t limit, const char* name, std::function<void(pass_counter&)> work) {
  const auto group = std::make_shared<std::unique_ptr<memory_group>>();
  return {name,
          [&m, group, work = std::move(work)] {
            (*group)->enter();
            pass_counter counter(m);
            work(counter);
            return counter.numbers();
          },
          [&m, group, limit] {
            if (!make_cold(m.path)) throw std::runtime_error("the model does not leave the page cache");
            group->reset();
            *group = std::make_unique<memory_group>(limit);
          }};
}

}  // namespace

std::vector<contest> limited(const model& m, const options& wanted) {
  if (!wanted.wants_case("cgroup_half")) return {};
  if (memory_group::place().empty()) {
    std::printf(
        "cgroup_half is skipped: no control group with a limit of memory can be made here (it takes root, or a delegated "
        "group)\n");
    return {};
  }
  const std::uint64_t budget = m.total() / 2;
  const std::uint64_t limit = budget + beside;
  contest all{"cgroup_half", metrics, {}};
  all.contenders.push_back(in_group(m, limit, "mmap", [&m](pass_counter& counter) {
    const mapped_file file(m.path);
    for (std::size_t pass = 0; pass < passes; ++pass)
      for (std::size_t i = 0; i < m.layers.size(); ++i)
        counter.use(
            i, file.bytes().subspan(static_cast<std::size_t>(m.layers[i].offset), static_cast<std::size_t>(m.layers[i].size)));
  }));
  for_each_subject([&](const char* name, auto make) {
    if (!wanted.wants(name)) return;
    all.contenders.push_back(in_group(m, limit, name, [&m, make, budget](pass_counter& counter) {
      make(m, budget, [&](auto& layers) {
        for (const larder::layer& layer : layers.passes(passes)) counter.use(layer.index(), layer.data().span());
      });
    }));
  });
  return {all};
}

}  // namespace bench
