#include "layers/digests.hpp"

#include "disk/byte_progress.hpp"
#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "layers/opened_model.hpp"
#include "layers/published_file.hpp"
#include "layers/tensor_walk.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/layer/model_digests.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace layers {
namespace {

using disk::byte_progress;
using disk::interruption;
using disk::json_object;
using larder::format_size;
using simulate::grouped;
using simulate::printable;

std::filesystem::path manifest_path(const digest_options& options) {
  return options.manifest.empty() ? larder::layers::digests_path(options.model) : std::filesystem::path(options.manifest);
}

std::string speed_of(const byte_progress& progress) {
  const std::string speed = progress.speed();
  return speed.empty() ? "" : " in " + simulate::decimal(progress.seconds(), 1) + " s (" + speed + ")";
}

std::string counted(std::size_t count, const char* what) { return grouped(count) + " " + what + (count == 1 ? "" : "s"); }

/// A tensor whose bytes are others than the manifest says.
struct difference {
  std::string layer;
  std::string tensor;
  std::string place;
  std::uint64_t bytes;
  larder::digest expected;
  larder::digest found;
};

void print_differences(const std::vector<difference>& all) {
  for (const difference& one : all)
    std::printf("differs     %s\n            of layer %s, %s bytes at %s\n", printable(one.tensor).c_str(),
                printable(one.layer).c_str(), grouped(one.bytes).c_str(), printable(one.place).c_str());
}

std::string json_of(const std::vector<difference>& all) {
  std::string text = "[";
  for (const difference& one : all) {
    json_object each;
    each.add("tensor", one.tensor)
        .add("layer", one.layer)
        .add("place", one.place)
        .add("bytes", one.bytes)
        .add("expected", one.expected.hex())
        .add("found", one.found.hex());
    text += (text.size() == 1 ? "\n  " : ",\n  ") + each.text();
  }
  return text + (all.empty() ? "]" : "\n]");
}

}  // namespace

int write_digests(const digest_options& options) {
  const interruption stop;
  const opened_model model(options.model);
  const std::filesystem::path path = manifest_path(options);
  std::string called = larder::layers::digests_path(options.model).filename().string();
  called.resize(called.size() - std::string(".digests.json").size());
  larder::format::model_manifest manifest = model.outline(called);
  byte_progress progress("hashing", model.bytes(), options.quiet);
  const bool is_whole = hash_tensors(model, stop, progress, [&](std::size_t layer, std::size_t tensor, const larder::digest& id) {
    manifest.layers[layer].tensors[tensor].id = id;
  });
  progress.end();
  if (!is_whole) {
    std::fprintf(stderr, "larder: interrupted after %s of %s; nothing was written\n", format_size(progress.done()).c_str(),
                 format_size(progress.total()).c_str());
    return interruption::exit_code;
  }
  publish_manifest(path, larder::format::model_manifest_text(manifest));
  if (options.json)
    std::printf("%s\n", json_object()
                            .add("model", options.model)
                            .add("manifest", path.string())
                            .add("layers", model.layers().size())
                            .add("tensors", model.tensor_count())
                            .add("bytes", model.bytes())
                            .member("seconds", simulate::decimal(progress.seconds(), 3))
                            .text()
                            .c_str());
  else
    std::printf("%s: %s of %s, %s%s\n", printable(path.string()).c_str(), counted(model.tensor_count(), "tensor").c_str(),
                counted(model.layers().size(), "layer").c_str(), format_size(model.bytes()).c_str(), speed_of(progress).c_str());
  return 0;
}

int check_digests(const digest_options& options) {
  constexpr int differs = 1;
  constexpr int not_read = 2;
  const interruption stop;
  const std::filesystem::path path = manifest_path(options);
  std::error_code failed;
  if (std::filesystem::status(path, failed).type() == std::filesystem::file_type::not_found) {
    std::fprintf(stderr, "larder: there is no manifest %s; larder layers digest %s writes it\n", printable(path.string()).c_str(),
                 printable(options.model).c_str());
    return not_read;
  }
  const opened_model model(options.model);
  larder::layers::tensor_digests expected;
  try {
    expected = model.digests(path);
  } catch (const larder::error& wrong) {
    if (wrong.cause() != larder::error_cause::corruption) throw;
    std::fprintf(stderr, "%s\n", printable(wrong.what()).c_str());
    return differs;
  }
  std::vector<difference> found;
  std::size_t checked = 0;
  byte_progress progress("checking", model.bytes(), options.quiet);
  const bool is_whole = hash_tensors(model, stop, progress, [&](std::size_t i, std::size_t k, const larder::digest& id) {
    ++checked;
    const larder::layer_info& layer = model.layers()[i];
    if (expected[i][k] != id)
      found.push_back({layer.name, layer.tensors[k].name, model.place_of(i, k), layer.tensors[k].size, *expected[i][k], id});
  });
  progress.end();
  if (is_whole) checked = model.tensor_count();  // those without bytes, too
  if (options.json) {
    std::printf("%s\n", json_object()
                            .add("model", options.model)
                            .add("manifest", path.string())
                            .add("whole", found.empty() && is_whole)
                            .add("interrupted", !is_whole)
                            .add("tensors", model.tensor_count())
                            .add("tensors_checked", checked)
                            .add("bytes_read", progress.done())
                            .member("seconds", simulate::decimal(progress.seconds(), 3))
                            .member("differing", json_of(found))
                            .text()
                            .c_str());
  } else {
    print_differences(found);
    const std::string verdict = !found.empty() ? counted(found.size(), "tensor") + " not as the manifest says"
                                : is_whole     ? "as the manifest says"
                                               : "nothing differs so far";
    std::printf("%s%s: read %s, %s%s\n", found.empty() ? "" : "\n", verdict.c_str(), counted(checked, "tensor").c_str(),
                format_size(progress.done()).c_str(), speed_of(progress).c_str());
  }
  if (!is_whole) {
    std::fprintf(stderr, "larder: interrupted: %s of %s tensors were checked\n", grouped(checked).c_str(),
                 grouped(model.tensor_count()).c_str());
    return interruption::exit_code;
  }
  return found.empty() ? 0 : differs;
}

}  // namespace layers
