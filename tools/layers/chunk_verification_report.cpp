#include "disk/json_object.hpp"
#include "layers/chunk_verification.hpp"
#include "layers/digests.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace layers {
namespace {

using disk::interruption;
using disk::json_object;
using larder::format_size;
using simulate::grouped;
using simulate::printable;

std::string counted(std::uint64_t count, const std::string& what) {
  return grouped(count) + " " + what + (count == 1 ? "" : "s");
}

std::string json_of(const std::vector<chunk_damage>& all) {
  std::string text = "[";
  for (const chunk_damage& one : all)
    text +=
        (text.size() == 1 ? "\n  " : ",\n  ") + json_object()
                                                    .add("place", one.place)
                                                    .add("why", one.why)
                                                    .add("models", one.models)
                                                    .add("tensor", one.tensor.empty() ? std::nullopt : std::optional(one.tensor))
                                                    .text();
  return text + (all.empty() ? "]" : "\n]");
}

void print(const char* kind, const std::vector<chunk_damage>& all) {
  for (const chunk_damage& one : all) {
    std::printf("%-10s  %s\n            %s\n", kind, printable(one.place).c_str(), printable(one.why).c_str());
    if (one.tensor.empty()) continue;
    std::string models;
    for (const std::string& model : one.models) models += (models.empty() ? "" : ", ") + model;
    std::printf("            of tensor %s, %s %s\n", printable(one.tensor).c_str(), one.models.size() == 1 ? "model" : "models",
                models.c_str());
  }
}
void print_notes(const chunk_verification& result) {
  if (result.is_written)
    std::printf("note        larder layers split is writing here: what is not named or left over may be its\n");
  if (!result.unnamed.empty())
    std::printf("note        %s, %s, that no manifest names\n", counted(result.unnamed.size(), "chunk").c_str(),
                format_size(result.unnamed_bytes).c_str());
  for (const std::string& one : result.leftovers)
    std::printf("note        %s was not written to its end\n", printable(one).c_str());
  for (const std::string& one : result.others)
    std::printf("note        %s is no chunk and no manifest\n", printable(one).c_str());
}

int print_chunks(const verify_options& options) {
  const interruption stop;
  const chunk_verification result = verify_chunks(options.path, options.all, options.quiet, stop);
  const bool is_whole = result.damaged.empty() && result.unreadable.empty();
  if (options.json) {
    std::printf("%s\n", json_object()
                            .add("directory", options.path)
                            .add("whole", is_whole && !result.is_interrupted)
                            .add("interrupted", result.is_interrupted)
                            .add("models", result.models)
                            .add("tensors", result.tensors)
                            .add("chunks", result.chunks)
                            .add("chunks_checked", result.chunks_checked)
                            .add("bytes_read", result.bytes)
                            .member("seconds", simulate::decimal(result.seconds, 3))
                            .member("damaged", json_of(result.damaged))
                            .member("unreadable", json_of(result.unreadable))
                            .add("unnamed", result.unnamed)
                            .add("unnamed_bytes", result.unnamed_bytes)
                            .add("leftovers", result.leftovers)
                            .add("others", result.others)
                            .add("is_written", result.is_written)
                            .text()
                            .c_str());
  } else {
    print("damaged", result.damaged);
    print("unreadable", result.unreadable);
    print_notes(result);
    std::string verdict = result.is_interrupted ? "no damage so far" : "whole";
    if (!is_whole) {
      std::printf("\n");
      verdict = result.damaged.empty() ? "no damage" : grouped(result.damaged.size()) + " damaged";
      if (!result.unreadable.empty()) verdict += ", " + grouped(result.unreadable.size()) + " could not be read";
    }
    std::string speed;
    if (result.seconds > 0.05)
      speed = " in " + simulate::decimal(result.seconds, 1) + " s (" +
              format_size(static_cast<std::uint64_t>(static_cast<double>(result.bytes) / result.seconds)) + "/s)";
    std::printf("%s: read %s of %s, %s%s\n", verdict.c_str(), counted(result.chunks_checked, "chunk").c_str(),
                counted(result.models.size(), "model").c_str(), format_size(result.bytes).c_str(), speed.c_str());
    if (!result.damaged.empty())
      std::printf("To write what is damaged anew, from the model: larder layers split MODEL %s --name NAME\n",
                  printable(options.path).c_str());
  }
  if (result.is_interrupted) {
    std::fprintf(stderr, "larder: interrupted: %s of %s chunks and %s of %s were checked\n",
                 grouped(result.chunks_checked).c_str(), grouped(result.chunks).c_str(), format_size(result.bytes).c_str(),
                 format_size(result.bytes_total).c_str());
    return interruption::exit_code;
  }
  constexpr int whole = 0;
  constexpr int damaged = 1;
  constexpr int not_read = 2;
  return !result.damaged.empty() ? damaged : !result.unreadable.empty() ? not_read : whole;
}

}  // namespace

int print_verification(const verify_options& options) {
  if (is_chunk_directory(options.path)) return print_chunks(options);
  digest_options model;
  model.model = options.path;
  model.json = options.json;
  model.quiet = options.quiet;
  return check_digests(model);
}

}  // namespace layers
