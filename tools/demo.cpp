// The demo: a model, larger than the memory that it is given, runs through everything that larder has for layers: three tiers, its own
// file, a fine-tune beside it, a weight server. Every tensor that is handed out is compared with the file.

#include "demo/model_file.hpp"
#include "demo/options.hpp"
#include "demo/published_model.hpp"
#include "demo/reference.hpp"
#include "demo/served.hpp"
#include "demo/streaming.hpp"
#include "demo/tiers.hpp"
#include "progress.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

namespace {

constexpr std::size_t layer_count = 32;

std::filesystem::path made_model(const demo::options& chosen, const std::string& name, bool tuned) {
  const std::filesystem::path model = chosen.directory / (name + "-" + std::to_string(chosen.size) + ".safetensors");
  if (std::filesystem::exists(model)) return model;
  tools::progress bar(tuned ? "making its fine-tune" : "making a model", layer_count);
  demo::make_model(model, layer_count, chosen.size, tuned, [&](std::size_t done) { bar.at(done); });
  bar.finish(std::to_string(layer_count) + " layers in " + model.string());
  return model;
}

demo::outcome run_with(const demo::reference& model, const demo::options& chosen) {
  demo::outcome all = demo::stream_through_tiers(model, chosen);
  all.add(demo::stream_from_file(model));
  return all;
}

demo::outcome run(const demo::options& chosen) {
  std::filesystem::create_directories(chosen.directory);
  if (!chosen.model.empty()) return run_with(demo::read_reference(chosen.model, "reading the model"), chosen);
  const demo::reference base = demo::read_reference(made_model(chosen, "base", false), "reading the model");
  const demo::reference tuned = demo::read_reference(made_model(chosen, "tuned", true), "reading its fine-tune");
  demo::write_digests(base);
  demo::write_digests(tuned);
  demo::outcome all = run_with(base, chosen);
  all.add(demo::open_together(base, tuned));
  all.add(demo::serve_to_clients(base, tuned, chosen));
  return all;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app{
      "Streams a model through three tiers (memory, disk, HTTP server), from its file and from a weight server, and prints what\n"
      "the caches saved."};
  demo::options chosen;
  std::string size;
  std::string memory;
  std::string bandwidth;
  app.add_option("model", chosen.model,
                 "a .safetensors file, which goes through the tiers and from its file; without one, a model of 32 layers and 512 "
                 "MB and a\n"
                 "fine-tune of it are made")
      ->check(CLI::ExistingFile);
  app.add_option("--dir", chosen.directory, "where the disk tier (and what was made) stay for the next run")
      ->capture_default_str();
  app.add_option("--size", size, "of the model that is made, such as 1GB (default: 256MB); four times that is written");
  app.add_option("--memory", memory, "size of the memory tier, such as 256MB (default: half of the model)");
  app.add_option("--bandwidth", bandwidth,
                 "what the server of the tiers sends per second, such as 200MB; 0 is unlimited (default: 200MB)");
  app.add_option("--passes", chosen.passes, "how often the model is streamed through the tiers")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1000U));
  app.add_flag("--cold", chosen.cold, "empty the disk tier first");
  CLI11_PARSE(app, count, arguments);
  try {
    if (!size.empty()) chosen.size = larder::parse_size(size, 1'000'000, "--size");
    if (chosen.size < 1'000'000)
      throw larder::error(larder::error_cause::invalid_argument, "--size " + size + " is too small; give at least 1MB");
    if (!memory.empty()) chosen.memory = larder::parse_size(memory, 1'000'000, "--memory");
    if (!bandwidth.empty()) chosen.bandwidth = larder::parse_size(bandwidth, 1'000'000, "--bandwidth");
    const demo::outcome all = run(chosen);
    std::printf("\n%zu tensors compared with the file, %zu wrong\n", all.compared, all.wrong);
    return all.wrong == 0 ? 0 : 1;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "demo: %s\n", failure.what());
    return 2;
  }
}
