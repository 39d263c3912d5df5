#pragma once

// Passes that make small models of text, and count how often they ran.

#include <larder/artifact/pass_cache.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "counting_store.hpp"
#include "support/file_content.hpp"
#include "support/temporary_folder.hpp"

namespace passes_in_test {

namespace fs = std::filesystem;

using support::content_of;
inline void write(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << content;
}

/// Two files for each pass: "model.onnx", of the input's and of the pass, and "meta/config.json".
class counted_passes {
 public:
  void operator()(const larder::pass& step, const fs::path& from, const fs::path& to, const std::stop_token&) {
    {
      const std::lock_guard lock(mutex_);
      ++runs_[step.name];
    }
    write(to / "model.onnx", content_of(from / "model.onnx") + '>' + step.name + step.config);
    write(to / "meta/config.json", step.config);
  }
  int runs(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(name);
    return found == runs_.end() ? 0 : found->second;
  }
  int all_runs() const {
    const std::lock_guard lock(mutex_);
    int sum = 0;
    for (const auto& [name, n] : runs_) sum += n;
    return sum;
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    runs_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> runs_;
};

inline larder::pass step_called(const std::string& name, const std::string& config = "{}") {
  larder::pass one;
  one.name = name;
  one.config = config;
  return one;
}
inline std::vector<larder::pass> three_passes() {
  return {step_called("OnnxConversion", R"({"target_opset": 17})"), step_called("OrtTransformersOptimization"),
          step_called("OrtQuantize", R"({"bits": 8})")};
}
/// What the last of them makes of nothing.
inline std::string model_of(const std::vector<larder::pass>& chain) {
  std::string content;
  for (const larder::pass& step : chain) content += '>' + step.name + step.config;
  return content;
}

inline larder::pass_settings settings_in(const fs::path& folder) {
  larder::pass_settings settings;
  settings.cache_dir = folder;
  return settings;
}

/// A store that another machine has filled with a chain.
inline std::shared_ptr<counting_store> store_with(const std::vector<larder::pass>& chain,
                                                  const larder::pass_input& input = larder::pass_input("model-1")) {
  const auto store = std::make_shared<counting_store>();
  const support::temporary_folder elsewhere;
  larder::pass_cache other(settings_in(elsewhere / "cache"), store);
  counted_passes passes;
  other.run(input, chain, std::ref(passes));
  store->forget_counts();
  return store;
}

}  // namespace passes_in_test
