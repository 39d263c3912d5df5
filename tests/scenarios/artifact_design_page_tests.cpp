// What the design page prints about artefacts, as it is printed there.

#include <larder/artifact/package_store.hpp>
#include <larder/artifact/pass_cache.hpp>
#include <larder/artifact/resolution_cache.hpp>
#include <larder/codec/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/temporary_folder.hpp"

namespace design_page {

struct package_choice {
  std::string package_id;
};

}  // namespace design_page

template <>
struct larder::codec<design_page::package_choice> {
  static larder::bytes encode(const design_page::package_choice& choice) {
    return larder::bytes::copy_of(choice.package_id.data(), choice.package_id.size());
  }
  static design_page::package_choice decode(const larder::bytes& encoded) { return {std::string(encoded.text())}; }
};

namespace {

using design_page::package_choice;

struct working_directory {
  explicit working_directory(const std::filesystem::path& here) : before(std::filesystem::current_path()) {
    std::filesystem::current_path(here);
  }
  ~working_directory() { std::filesystem::current_path(before); }
  std::filesystem::path before;
};

}  // namespace

TEST_CASE("the passes of the design page") {
  const support::temporary_folder here;
  const working_directory in_it(here.path());
  const std::string text = R"({"workflow_id": "page"})";
  const std::string input_id = "0a1b2c3d";
  std::vector<larder::step_action> actions;
  std::uint64_t moved = 0;
  const auto report = [&](larder::step_action action, std::uint64_t bytes) {
    actions.push_back(action);
    moved += bytes;
  };
  int runs = 0;
  const auto run_one_pass = [&](const larder::pass& pass, const std::filesystem::path&, const std::filesystem::path& output_dir,
                                std::stop_token) {
    ++runs;
    std::ofstream(output_dir / "model.onnx") << pass.name;
  };
  // clang-format off
  larder::pass_cache passes{larder::pass_settings::from_json(text)};
  std::vector<larder::pass> chain{{.name = "OnnxConversion", .config = R"({"target_opset": 17})"}, {.name = "OrtQuantize"}};
  for (const larder::step& s : passes.plan(input_id, chain)) report(s.action, s.bytes);   // run, reuse, download, skip
  std::filesystem::path out = passes.run(input_id, chain, run_one_pass);   // run_one_pass(pass, input_dir, output_dir, stop_token)
  std::string why = passes.explain(input_id, chain, 1);
  // clang-format on
  CHECK(actions == std::vector<larder::step_action>(2, larder::step_action::run));
  CHECK(moved == 0);
  CHECK(runs == 2);
  CHECK(support::content_of(out / "model.onnx") == "OrtQuantize");
  CHECK(why.find("is cached here") != std::string::npos);
  actions.clear();
  for (const larder::step& s : passes.plan(input_id, chain)) report(s.action, s.bytes);
  CHECK(actions == std::vector<larder::step_action>{larder::step_action::skip, larder::step_action::reuse});
}

TEST_CASE("the resolutions and packages of the design page") {
  const support::temporary_folder folder;
  const std::filesystem::path home = folder.path();
  const std::string key = "hunter2-hunter2";
  int asked = 0;
  const auto negotiate = [&] {
    ++asked;
    return package_choice{"onnxfp32"};
  };
  support::file_provider provider;
  const larder::fetch_function fetch = provider.fetch();
  const std::vector<larder::package_file> files{provider.file("model.onnx", "weights"),
                                                provider.file_without_digest("labels.txt", "cat")};
  for (int twice = 0; twice < 2; ++twice) {
    // clang-format off
    larder::resolution_cache<package_choice> resolved{home};
    auto choice = resolved.resolve(larder::request{}.field("model_id", "a/b").unordered("backends", {"onnx", "trt"}).secret("api_key", key), negotiate);

    larder::package_store store{home};
    larder::package p = store.get("yolov8n-640", "onnxfp32", files, fetch);  // files: {name, url, digest?}; fetch(url, range, sink)
    auto path = p.path("model.onnx");                       // p is a lease
    // clang-format on
    CHECK(choice.package_id == "onnxfp32");
    CHECK(support::content_of(path) == "weights");
    CHECK(store.purge().in_use == 1);
    CHECK(support::content_of(path) == "weights");
  }
  CHECK(asked == 1);
  CHECK(provider.calls() == 2);
}
