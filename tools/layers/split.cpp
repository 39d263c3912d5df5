#include "layers/split.hpp"

#include "disk/byte_progress.hpp"
#include "disk/interruption.hpp"
#include "disk/json_object.hpp"
#include "layers/chunk_folder.hpp"
#include "layers/opened_model.hpp"
#include "layers/tensor_walk.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/format/model_manifest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace layers {
namespace {

using disk::byte_progress;
using disk::interruption;
using disk::json_object;
using larder::format_size;
using simulate::grouped;
using simulate::printable;

std::string in_words(const chunk_count& count) {
  return grouped(count.chunks) + (count.chunks == 1 ? " chunk, " : " chunks, ") + format_size(count.bytes);
}
std::string json_of(const chunk_count& count) {
  return json_object().add("chunks", count.chunks).add("bytes", count.bytes).text();
}

std::string name_for(const split_options& options, const opened_model& model) {
  const std::string name = options.name.empty() ? model.name() : options.name;
  if (!larder::format::is_model_name(name))
    larder::core::fail(
        larder::error_cause::invalid_argument,
        "the model would be called " + larder::format::printable_name(name) + (options.name.empty() ? " after its file" : "") +
            ", and names are letters, digits, '.', '_' and '-', beginning with none of '.' and '-'; give one with --name");
  return name;
}

/// One model on its way into a folder.
class splitting {
 public:
  splitting(const split_options& options, const opened_model& model, const std::string& name, chunk_folder& folder,
            const interruption& stop)
      : model_(model),
        folder_(folder),
        stop_(stop),
        manifest_(model.outline(name)),
        buffer_(static_cast<std::size_t>(std::min(options.chunk_size, largest_tensor()))),
        progress_("splitting", model.bytes(), options.quiet) {
    manifest_.is_split = true;
  }

  /// False when it was interrupted.
  bool run() {
    for (std::size_t i = 0; i < manifest_.layers.size(); ++i)
      for (larder::format::manifest_tensor& tensor : manifest_.layers[i].tensors)
        if (!split(i, tensor)) return false;
    return true;
  }
  const larder::format::model_manifest& manifest() const noexcept { return manifest_; }
  byte_progress& progress() noexcept { return progress_; }

 private:
  std::uint64_t largest_tensor() const {
    std::uint64_t most = 1;
    for (const larder::layer_info& layer : model_.layers())
      for (const larder::tensor_info& tensor : layer.tensors) most = std::max(most, tensor.size);
    return most;
  }

  bool split(std::size_t layer, larder::format::manifest_tensor& tensor) {
    larder::digest_stream whole;
    for (std::uint64_t at = 0; at < tensor.info.size;) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), tensor.info.size - at));
      const std::optional<larder::digest> id = read(layer, tensor.info.offset + at, std::span(buffer_).first(size), whole);
      if (!id) return false;
      folder_.store(*id, std::span(buffer_).first(size));
      tensor.chunks.push_back({*id, size});
      at += size;
    }
    tensor.id = tensor.chunks.size() == 1 ? tensor.chunks.front().id : whole.finish();
    return true;
  }

  /// The digest of a chunk that it reads; nothing when it was interrupted.
  std::optional<larder::digest> read(std::size_t layer, std::uint64_t offset, std::span<std::byte> chunk,
                                     larder::digest_stream& whole) {
    larder::digest_stream its;
    for (std::size_t at = 0; at < chunk.size(); at += piece_size) {
      if (stop_.asked()) return std::nullopt;
      const std::span<std::byte> piece = chunk.subspan(at, std::min(piece_size, chunk.size() - at));
      model_.read(layer, offset + at, piece);
      its.update(piece);
      whole.update(piece);
      progress_.add(piece.size());
    }
    return its.finish();
  }

  const opened_model& model_;
  chunk_folder& folder_;
  const interruption& stop_;
  larder::format::model_manifest manifest_;
  std::vector<std::byte> buffer_;
  byte_progress progress_;
};

}  // namespace

int split_model(const split_options& options) {
  const interruption stop;
  const opened_model model(options.model);
  const std::string name = name_for(options, model);
  chunk_folder folder(options.directory);
  splitting work(options, model, name, folder, stop);
  const bool is_whole = work.run();
  std::optional<std::filesystem::path> manifest;
  if (is_whole) manifest = folder.publish(name, larder::format::model_manifest_text(work.manifest()));
  work.progress().end();
  const std::uint64_t all = folder.written().chunks + folder.kept().chunks + folder.shared().chunks;
  if (options.json) {
    std::printf("%s\n", json_object()
                            .add("model", options.model)
                            .add("name", name)
                            .add("directory", options.directory)
                            .add("manifest", manifest ? std::optional<std::string>(manifest->string()) : std::nullopt)
                            .add("interrupted", !is_whole)
                            .add("layers", model.layers().size())
                            .add("tensors", model.tensor_count())
                            .add("bytes", model.bytes())
                            .add("chunks", all)
                            .member("written", json_of(folder.written()))
                            .member("kept", json_of(folder.kept()))
                            .member("shared", json_of(folder.shared()))
                            .member("replaced", json_of(folder.replaced()))
                            .member("seconds", simulate::decimal(work.progress().seconds(), 3))
                            .text()
                            .c_str());
  } else if (is_whole) {
    std::printf("%s: %zu layers, %s tensors, %s in %s chunks\n", printable(manifest->string()).c_str(), model.layers().size(),
                grouped(model.tensor_count()).c_str(), format_size(model.bytes()).c_str(), grouped(all).c_str());
    std::printf("  written        %s\n", in_words(folder.written()).c_str());
    if (folder.replaced().chunks != 0)
      std::printf("  of them anew   %s, in whose place something damaged was\n", in_words(folder.replaced()).c_str());
    std::printf("  already there  %s\n", in_words(folder.kept()).c_str());
    std::printf("  in it twice    %s\n", in_words(folder.shared()).c_str());
  }
  if (is_whole) return 0;
  std::fprintf(stderr, "larder: interrupted after %s of %s; what was written stays, and the same command goes on from there\n",
               format_size(work.progress().done()).c_str(), format_size(work.progress().total()).c_str());
  return interruption::exit_code;
}

}  // namespace layers
