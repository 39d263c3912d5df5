#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/layer/chunk_directory.hpp>

#include "written_model.hpp"

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder_tests::scratch_directory;
using larder_tests::write_file;

TEST_CASE("parts of chunks are read by their digests, several at once") {
  const scratch_directory folder;
  const larder::chunk_directory chunks(folder.path());
  const larder::digest a = larder::digest_of("first chunk");
  const larder::digest b = larder::digest_of("second");
  write_file(chunks.path_of_chunk(a), "first chunk");
  write_file(chunks.path_of_chunk(b), "second");
  std::string text(8, '?');
  const std::span<std::byte> room = std::as_writable_bytes(std::span(text));
  const std::array<larder::chunk_piece, 3> pieces{larder::chunk_piece{b, 6, 2, room.subspan(5, 3)},
                                                  larder::chunk_piece{a, 11, 6, room.first(5)},
                                                  larder::chunk_piece{a, 11, 0, {}}};
  chunks.read(pieces);
  CHECK(text == "chunkcon");
  chunks.read({});
  CHECK(chunks.name() == folder.path().string());
}

TEST_CASE("a manifest is read by its model's name alone") {
  const scratch_directory folder;
  const larder::chunk_directory chunks(folder.path());
  std::filesystem::create_directory(folder / "manifests");
  write_file(folder / "manifests/m.json", "text");
  write_file(folder / "secret.json", "other");
  CHECK(chunks.manifest("m").text() == "text");
  CHECK(support::cause_of([&] { chunks.manifest("../secret"); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { chunks.manifest("absent"); }) == larder::error_cause::io);
}

TEST_CASE("a chunk that is absent or of another size is an error that names it") {
  const scratch_directory folder;
  const larder::chunk_directory chunks(folder.path());
  const larder::digest id = larder::digest_of("x");
  std::array<std::byte, 1> room{};
  const std::array<larder::chunk_piece, 1> piece{larder::chunk_piece{id, 1, 0, room}};
  const support::refusal absent = support::refusal_of([&] { chunks.read(piece); });
  CHECK(absent.cause == larder::error_cause::io);
  CHECK(says(absent, id.hex()));
  write_file(chunks.path_of_chunk(id), "xy");
  const support::refusal longer = support::refusal_of([&] { chunks.read(piece); });
  CHECK(longer.cause == larder::error_cause::corruption);
  CHECK(says(longer, "has 2 bytes, and the chunk of that name has 1; larder layers split writes it anew"));
}
