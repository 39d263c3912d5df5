// Fills the folder of a pass cache for the tests of `larder pass`: pass_writer DIR [CONTAINER_URL]. With a URL what is made is published there; the
// account's key is AZURE_STORAGE_KEY.
#include <larder/artifact/pass_cache.hpp>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

void run_one_pass(const larder::pass& step, const fs::path& input, const fs::path& output) {
  if (step.name == "Fails") throw larder::pass_failure(larder::failure_kind::permanent, "no such operator");
  std::ofstream(output / "model.onnx") << std::ifstream(input / "model.onnx").rdbuf() << step.name << step.config;
  std::ofstream(output / "same.bin") << std::string(1000, 's');
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  try {
    larder::pass_settings settings;
    settings.cache_dir = arguments[1];
    settings.workflow_id = "nightly";
    if (count > 2) {
      settings.shared = larder::artifacts::parse_blob_url(arguments[2], "CONTAINER_URL");
      settings.shared->key = larder::secret(std::getenv("AZURE_STORAGE_KEY"));
      settings.shared->create_container = true;
    }
    larder::pass_cache cache(settings);
    const std::vector<larder::pass> chain{{.name = "OnnxConversion", .config = R"({"target_opset": 17})"},
                                          {.name = "OrtQuantize"}};
    cache.run("model-1", chain, run_one_pass);
    cache.pin("model-1", {chain[0]});
    try {
      cache.run("model-1", {chain[0], {.name = "Fails"}}, run_one_pass);
    } catch (const larder::pass_failure&) {
    }
    return cache.stats().unpublished == 0 ? 0 : 1;
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
