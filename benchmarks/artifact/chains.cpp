#include "../lap.hpp"
#include "catalogue.hpp"

#include <larder/artifact/pass_cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t passes = 20;
constexpr int plans = 200;
constexpr auto latency = 20ms;

std::vector<larder::pass> chain() {
  std::vector<larder::pass> all;
  for (std::size_t i = 0; i < passes; ++i)
    all.push_back({.name = "Pass" + std::to_string(i),
                   .config = R"({"level": )" + std::to_string(i) + R"(, "target_opset": 17, "optimize": true})"});
  return all;
}
void run_one(const larder::pass& step, const std::filesystem::path&, const std::filesystem::path& output, std::stop_token) {
  std::ofstream(output / "model.onnx", std::ios::binary) << step.name << std::string(4096, 'x');
}
const std::string input_id = "0a1b2c3d";

/// A store that answers after a while, as one across a network does.
class slow_store final : public larder::shared_store {
 public:
  explicit slow_store(std::shared_ptr<larder::shared_store> behind) : behind_(std::move(behind)) {}

  std::optional<larder::bytes> get(std::string_view key, const larder::transfer_control& control) override {
    return wait(), behind_->get(key, control);
  }
  std::optional<std::size_t> get_into(std::string_view key, std::span<std::byte> room,
                                      const larder::transfer_control& control) override {
    return wait(), behind_->get_into(key, room, control);
  }
  bool contains(std::string_view key) override { return wait(), behind_->contains(key); }
  bool put(std::string_view key, larder::bytes value, const larder::transfer_control& control) override {
    return wait(), behind_->put(key, std::move(value), control);
  }
  bool put_if_absent(std::string_view key, larder::bytes value) override {
    return wait(), behind_->put_if_absent(key, std::move(value));
  }
  bool erase(std::string_view key) override { return wait(), behind_->erase(key); }
  void for_each(const std::function<void(const std::string&, std::uint64_t, larder::duration)>& f,
                const larder::sweep_control& control) override {
    wait();
    behind_->for_each(f, control);
  }
  larder::error_counts errors() const override { return behind_->errors(); }

  std::size_t requests() const { return requests_.load(); }

 private:
  void wait() {
    ++requests_;
    std::this_thread::sleep_for(latency);
  }

  std::shared_ptr<larder::shared_store> behind_;
  std::atomic<std::size_t> requests_{0};
};

using memory_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes>;
std::shared_ptr<larder::shared_store> filled_store(const std::filesystem::path& folder) {
  std::shared_ptr<larder::shared_store> store =
      larder::make_shared_store(std::make_unique<memory_cache>(larder::max_bytes{1U << 24U}));
  larder::pass_settings settings;
  settings.cache_dir = folder / "of another machine";
  larder::pass_cache(settings, store).run(input_id, chain(), run_one);
  std::filesystem::remove_all(settings.cache_dir);
  return store;
}
larder::pass_settings here(const std::filesystem::path& folder) {
  larder::pass_settings settings;
  settings.cache_dir = folder;
  return settings;
}
void check(const std::vector<larder::step>& steps, bool local) {
  if (steps.size() != passes || (steps.back().action == larder::step_action::download) == local ||
      steps.back().action == larder::step_action::run)
    throw std::runtime_error("the plan is not what it should be");
}

/// Milliseconds, round trips, requests of a piece of work.
template <class Work>
std::vector<double> through_network(const std::filesystem::path& folder, Work&& work) {
  const auto store = std::make_shared<slow_store>(filled_store(folder));
  larder::pass_cache cache(here(folder / "empty"), std::shared_ptr<larder::shared_store>(store));
  const lap took = time([&] { work(cache, *store); });
  std::filesystem::remove_all(folder / "empty");
  return {took.wall * 1e3, took.wall / std::chrono::duration<double>(latency).count(), static_cast<double>(store->requests())};
}

}  // namespace

std::vector<contest> chains(const std::filesystem::path& folder, const options& wanted) {
  std::vector<contest> all;
  if (wanted.wants_case("chain")) {
    const std::filesystem::path cached = folder / "passes";
    larder::pass_cache(here(cached)).run(input_id, chain(), run_one);
    std::filesystem::create_directories(folder / "records");
    for (std::size_t i = 0; i < passes; ++i) std::ofstream(folder / "records" / std::to_string(i)) << std::string(700, ' ');
    all.push_back({"chain", {{"decided", "us", 1}}, {}});
    all.back().contenders.push_back({"20 files read", [folder] {
                                       std::vector<std::string> paths;
                                       for (std::size_t i = 0; i < passes; ++i)
                                         paths.push_back((folder / "records" / std::to_string(i)).string());
                                       std::size_t read = 0;
                                       const lap took = time([&] {
                                         for (int n = 0; n < plans; ++n)
                                           for (const std::string& path : paths) {
                                             std::ifstream in(path, std::ios::binary);
                                             read += std::string(std::istreambuf_iterator<char>(in), {}).size();
                                           }
                                       });
                                       if (read != plans * passes * 700) throw std::runtime_error("a file is not whole");
                                       return std::vector<double>{took.wall * 1e6 / plans};
                                     }});
    all.back().contenders.push_back({"plan", [cached] {
                                       larder::pass_cache cache(here(cached));
                                       const std::vector<larder::pass> steps = chain();
                                       check(cache.plan(input_id, steps), true);
                                       const lap took = time([&] {
                                         for (int n = 0; n < plans; ++n) cache.plan(input_id, steps);
                                       });
                                       return std::vector<double>{took.wall * 1e6 / plans};
                                     }});
    all.back().contenders.push_back({"plan, first of its cache", [cached] {
                                       const std::vector<larder::pass> steps = chain();
                                       const lap took =
                                           time([&] { check(larder::pass_cache(here(cached)).plan(input_id, steps), true); });
                                       return std::vector<double>{took.wall * 1e6};
                                     }});
  }
  if (wanted.wants_case("chain_shared")) {
    all.push_back({"chain_shared", {{"decided", "ms", 1}, {"round trips", "", 1}, {"requests", "", 0}}, {}});
    all.back().contenders.push_back({"a record after the other", [folder] {
                                       return through_network(folder, [](larder::pass_cache&, larder::shared_store& store) {
                                         for (std::size_t i = 0; i < passes; ++i) static_cast<void>(store.get("no record", {}));
                                       });
                                     }});
    all.back().contenders.push_back({"plan", [folder] {
                                       return through_network(folder, [](larder::pass_cache& cache, larder::shared_store&) {
                                         check(cache.plan(input_id, chain()), false);
                                       });
                                     }});
    all.back().contenders.push_back(
        {"run", [folder] {
           return through_network(folder, [](larder::pass_cache& cache, larder::shared_store&) {
             cache.run(input_id, chain(), [](const larder::pass&, const std::filesystem::path&, const std::filesystem::path&) {
               throw std::runtime_error("a pass ran that is cached");
             });
           });
         }});
  }
  return all;
}

}  // namespace bench
