// links: larder::artifact
// What the passes of a model workflow made, kept and shared: two machines (here two folders) with a store between them run a chain once.
#include <larder/artifact/file_digest.hpp>
#include <larder/artifact/pass_cache.hpp>
#include <larder/cache.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/directory.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stop_token>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

bool all_good = true;

void expect(bool good, const char* what) {
  std::cout << (good ? "ok: " : "WRONG: ") << what << '\n';
  all_good = all_good && good;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The model that the chain begins with: a real one where there is one.
fs::path input_model() {
  const char* const shared = std::getenv("LARDER_SHARED_DIR");
  const fs::path real = fs::path(shared == nullptr ? "../shared" : shared) / "real/onnx/silero_vad_half.onnx";
  fs::create_directories(".cache/input");
  const fs::path model = ".cache/input/model.onnx";
  if (fs::exists(real))
    fs::copy_file(real, model, fs::copy_options::overwrite_existing);
  else
    std::ofstream(model, std::ios::binary) << std::string(1'000'000, 'w');
  return ".cache/input";
}

int passes_run = 0;

/// Stands for what converts and quantizes: reads a folder, fills an empty one.
void run_one_pass(const larder::pass& pass, const fs::path& input, const fs::path& output, std::stop_token) {
  ++passes_run;
  if (pass.name == "TensorRT")
    throw larder::pass_failure(larder::failure_kind::permanent, "the model has an operator that TensorRT does not know");
  std::ofstream(output / "model.onnx", std::ios::binary) << content_of(input / "model.onnx") << pass.name << pass.config;
  std::ofstream(output / "config.json") << pass.config;
}

void print(const std::vector<larder::step>& plan) {
  for (const larder::step& s : plan)
    std::cout << "  " << s.pass_name << ": " << larder::to_string(s.action) << ", " << s.bytes << " bytes to bring\n";
}

}  // namespace

int main() {
  fs::remove_all(".cache");
  const fs::path model = input_model();
  const larder::pass_input input(larder::digest_of_file(model / "model.onnx", larder::digest_algorithm::sha256).hex(), model);
  std::vector<larder::pass> chain{{.name = "OnnxConversion", .config = R"({"target_opset": 17})"},
                                  {.name = "OrtTransformersOptimization"},
                                  {.name = "OrtQuantize", .config = R"({"bits": 8})"}};

  // Any cache of bytes can be what machines share; in a workflow file it is a container: {"cache_dir": "https://acct.blob.core.windows.net/models"}.
  auto shared = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, larder::directory{".cache/shared"});

  larder::pass_settings settings = larder::pass_settings::from_json(R"({"cache_dir": ".cache/first"})");
  larder::pass_cache first{settings, shared};
  print(first.plan(input, chain));
  const fs::path made = first.run(input, chain, run_one_pass);
  expect(passes_run == 3, "the first machine ran each pass");
  expect(first.run(input, chain, run_one_pass) == made && passes_run == 3, "and none of them again");

  settings.cache_dir = ".cache/second";
  larder::pass_cache second{settings, shared};
  print(second.plan(input, chain));
  const fs::path brought = second.run(input, chain, run_one_pass);
  expect(passes_run == 3 && second.stats().downloads == 2, "the second one brought the last output, and ran nothing");
  expect(content_of(brought / "model.onnx") == content_of(made / "model.onnx"), "which is the same");

  chain[2].config = R"({"bits": 4})";
  std::cout << second.explain(input, chain, 2) << '\n';
  expect(second.explain(input, chain, 2).find("pass_config.bits: 4 here, 8 there") != std::string::npos,
         "a miss is explained by the field that differs");
  second.run(input, chain, run_one_pass);
  expect(passes_run == 4, "one pass ran, from the output before it");

  // What evaluates a model is asked once for each model and configuration.
  chain[2].evaluator = R"({"metric": "size"})";
  int evaluations = 0;
  const larder::run_options options{.evaluate = [&](const larder::pass&, const fs::path& folder, const std::stop_token&) {
    ++evaluations;
    return "{\"bytes\": " + std::to_string(fs::file_size(folder / "model.onnx")) + "}";
  }};
  const larder::chain_result result = second.run_chain(input, chain, run_one_pass, options);
  std::cout << "evaluated: " << result.evaluations[2].value_or("not") << '\n';
  first.run(input, chain, run_one_pass, options);
  expect(evaluations == 1 && passes_run == 4, "an evaluation is shared as well");

  // A pass that cannot do it is not tried again, here or elsewhere.
  chain.push_back({.name = "TensorRT"});
  for (larder::pass_cache* const machine : {&first, &second}) try {
      machine->run(input, chain, run_one_pass, options);
    } catch (const larder::pass_failure& failure) {
      std::cout << failure.what() << '\n';
    }
  expect(passes_run == 5, "a permanent failure is known to both");

  const larder::prune_report pruned = second.prune({.max_bytes = 0});
  expect(pruned.kept == 0 && !pruned.removed.empty(), "a prune to nothing leaves nothing");
  chain.pop_back();
  expect(content_of(second.run(input, chain, run_one_pass, options) / "config.json") == R"({"bits": 4})" && passes_run == 5,
         "and the store still has it");
  return all_good ? 0 : 1;
}
