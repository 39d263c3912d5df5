#include "layers_command.hpp"

#include "layers/chunk_verification.hpp"
#include "layers/digests.hpp"
#include "layers/layer_list.hpp"
#include "layers/split.hpp"
#include "subcommand.hpp"

#include <larder/core/units.hpp>
#include <larder/format/model_manifest.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace tools {
namespace {

CLI::App& add(CLI::App& layers, const char* name, const char* what, std::string& model) {
  CLI::App& app = *layers.add_subcommand(name, what);
  app.add_option("MODEL", model,
                 "a .safetensors file, the index of several (model.safetensors.index.json), a .gguf file (of several the first), "
                 "or a directory "
                 "with a file for each layer")
      ->required();
  return app;
}

subcommand add_list(CLI::App& layers) {
  auto chosen = std::make_shared<layers::list_options>();
  CLI::App& app = add(layers, "list", "The layers in the order of their use: size, tensors, name", chosen->model);
  app.add_flag("--tensors", chosen->tensors, "a line for each tensor, too");
  app.add_flag("--json", chosen->json, "one object, with all tensors and where they are");
  app.footer(R"(Reads no more than the headers.

Examples:
  larder layers list model.safetensors --tensors
  larder layers list model.gguf --json | jq -r '.layers[].name'

Exit codes: 0 done; 1 it could not be read, or is not valid; 2 wrong use)");
  return {&app, [] {},
          [chosen] {
            layers::list_layers(*chosen);
            return exit_code::done;
          }};
}

subcommand add_digest(CLI::App& layers) {
  struct given : layers::digest_options {
    bool check = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app =
      add(layers, "digest", "Write a digest of each tensor beside the model, or compare the model with them", chosen->model);
  app.add_option("--output", chosen->manifest,
                 "where the manifest is; else MODEL.digests.json, where a layer_cache looks for it");
  app.add_flag("--check", chosen->check, "compare the model with its manifest and write nothing");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(Reads the model once. With MODEL.digests.json beside it a layer_cache compares each tensor at its first read. The file is put in place when
it is whole; Ctrl-C leaves what was there.

Examples:
  larder layers digest model.safetensors
  larder layers digest model.safetensors --check --json | jq -r '.differing[].tensor'

Exit codes: 0 written, or all is as the manifest says; 130 interrupted
  without --check: 1 it could not be read or written; 2 wrong use
  with --check: 1 a tensor differs, or the manifest is damaged or another model's; 2 something could not be read, or wrong use)");
  return {&app, [] {}, [chosen] { return chosen->check ? layers::check_digests(*chosen) : layers::write_digests(*chosen); },
          [chosen] { return chosen->check ? exit_code::wrong_use : exit_code::failed; }};
}

subcommand add_split(CLI::App& layers) {
  struct given : layers::split_options {
    std::string size = "16MiB";
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(layers, "split", "Split a model into chunks by its tensors, for a weight server", chosen->model);
  app.add_option("DIR", chosen->directory,
                 "where chunks and manifests are, of as many models as you like; made when it is missing")
      ->required();
  app.add_option("--chunk-size", chosen->size, "how large a chunk may be, 4KiB to 1GiB; a tensor has chunks of its own")
      ->capture_default_str();
  app.add_option("--name", chosen->name, "what the model is called from then on; else by its file");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(A chunk is a file DIR/<digest>, written once however many models have it: a base and its fine-tunes share the tensors that are equal.
The manifest DIR/manifests/NAME.json comes last, in place of an older one. A run that was interrupted or killed goes on where it was: chunks that
are there are compared and kept. Nothing is written outside DIR, and nothing in it is removed.

Examples:
  larder layers split base/model.safetensors chunks --name base
  larder layers split tuned/model.safetensors chunks --name tuned

Exit codes: 0 done; 1 something could not be read or written; 2 wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            chosen->chunk_size = larder::parse_size(chosen->size, 1, "--chunk-size");
            if (chosen->chunk_size < layers::split_options::least_chunk || chosen->chunk_size > layers::split_options::most_chunk)
              refuse("--chunk-size: \"" + chosen->size + "\" is not from 4KiB to 1GiB");
            if (!chosen->name.empty()) larder::format::check_model_name(chosen->name);
          },
          [chosen] { return layers::split_model(*chosen); }};
}

subcommand add_verify(CLI::App& layers) {
  auto chosen = std::make_shared<layers::verify_options>();
  CLI::App& app = *layers.add_subcommand("verify", "Read a directory of chunks, or a model, and compare it with its manifests");
  app.add_option("PATH", chosen->path,
                 "a directory of chunks, as `split` leaves it; or a model with MODEL.digests.json beside it, which is as "
                 "`digest MODEL --check`")
      ->required();
  app.add_flag("--all", chosen->all, "chunks that no manifest names, too");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      R"(Of a directory of chunks no model is needed: each chunk that a manifest names must be there, have its size and the digest that it is called
by, and with the others of its tensor that one's digest. Reads each of them once, those of tensors that are put together from chunks of others more
often, and changes nothing; beside a weight server too. Chunks that no manifest names, what a killed writer has left and other files are told, and
are no damage.

Examples:
  larder layers verify chunks
  larder layers verify chunks --json | jq -r '.damaged[].models[]' | sort -u
  larder layers verify model.safetensors

Exit codes: 0 whole; 1 damage was found; 2 something could not be read, there is no manifest beside the model, or wrong use; 130 interrupted)");
  return {&app, [] {}, [chosen] { return layers::print_verification(*chosen); }, [] { return exit_code::wrong_use; }};
}

}  // namespace

std::function<int()> add_layers(CLI::App& larder) {
  CLI::App& app =
      *larder.add_subcommand("layers", "What layers a model has, is it as it was, and chunks of it for a weight server");
  app.require_subcommand(1);
  app.footer("`larder layers SUBCOMMAND --help` explains a subcommand. No model is changed.");
  return one_of({add_list(app), add_digest(app), add_split(app), add_verify(app)});
}

}  // namespace tools
