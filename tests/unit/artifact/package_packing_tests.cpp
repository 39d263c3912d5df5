// Packages in pieces: package_store::pack over artifact/packed_blobs.hpp.

#include <larder/artifact/package_store.hpp>
#include <larder/artifact/packed_blobs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/file_content.hpp"
#include "support/file_provider.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using support::content_of;
using support::pattern;
using larder::file_fault;
using larder::package_file;
using larder::package_store;
using larder::verify_depth;
using larder::artifacts::chunk_size;

const larder::fetch_function nobody = [](std::string_view, const larder::byte_range&, larder::fetch_sink&) {
  FAIL("the provider was called");
};

std::size_t blobs_in(const fs::path& home) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(home / "shared-blobs"), fs::directory_iterator()));
}

struct two_models {
  std::string base = pattern(1'000'000, 1);
  std::string tuned = base.substr(0, 400'000) + pattern(50'000, 2) + base.substr(400'000);
  support::file_provider provider;
  std::vector<package_file> base_files{provider.file("base.onnx", base), provider.file("labels.txt", "a b c")};
  std::vector<package_file> tuned_files{provider.file("tuned.onnx", tuned)};
};

}  // namespace

TEST_CASE("packed packages share what is equal, and come back without a provider, byte for byte") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  store.get("base", "p", models.base_files, models.provider.fetch());
  store.get("tuned", "p", models.tuned_files, models.provider.fetch());
  const std::uint64_t before = store.usage().bytes();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  const larder::pack_report packed = store.pack_all({{}, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); }});
  CHECK(packed.files == 3);
  CHECK(packed.bytes == before);
  CHECK(packed.freed == before);
  CHECK(packed.in_use == 0);
  CHECK(packed.added < 1'200'000);
  CHECK(!told.empty());
  CHECK(blobs_in(home.path()) == 0);
  const larder::store_usage usage = store.usage();
  CHECK(usage.bytes() == packed.added);
  CHECK(usage.piece_bytes == packed.added);
  CHECK(usage.packed_blobs == 3);
  CHECK(usage.packed_bytes == before);
  CHECK(usage.packages == 2);

  const larder::package base = store.get("base", "p", models.base_files, nobody);
  CHECK(content_of(base.path("base.onnx")) == models.base);
  CHECK(content_of(base.path("labels.txt")) == "a b c");
  CHECK(store.stats().unpacked_files == 2);
  package_store other{home.path()};
  const std::optional<larder::package> tuned = other.find("tuned", "p");
  REQUIRE(tuned);
  CHECK(content_of(tuned->path("tuned.onnx")) == models.tuned);
  CHECK(other.verify("tuned", "p").is_whole());
}

TEST_CASE("what somebody has stays a file, and is packed all the same") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  std::optional<larder::package> held = store.get("base", "p", models.base_files, models.provider.fetch());
  const larder::pack_report packed = store.pack("base", "p");
  CHECK(packed.files == 2);
  CHECK(packed.freed == 0);
  CHECK(packed.in_use == 1);
  CHECK(content_of(held->path("base.onnx")) == models.base);
  CHECK(fs::exists(held->path("base.onnx")));
  held.reset();
  const larder::pack_report again = store.pack("base", "p");
  CHECK(again.added == 0);
  CHECK(again.freed == models.base.size() + 5);
  CHECK(content_of(store.find("base", "p")->path("base.onnx")) == models.base);
}

TEST_CASE("a package in use that has nothing of what is packed is none of its business") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  const larder::package held = store.get("tuned", "p", models.tuned_files, models.provider.fetch());
  store.get("base", "p", models.base_files, models.provider.fetch());
  const larder::pack_report packed = store.pack("base", "p");
  CHECK(packed.in_use == 0);
  CHECK(packed.freed == models.base.size() + 5);
}

TEST_CASE("a file of two packages goes when nobody has either") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  store.get("base", "p", models.base_files, models.provider.fetch());
  std::optional<larder::package> held = store.get("copy", "p", models.base_files, nobody);
  CHECK(store.pack("base", "p").freed == 0);
  CHECK(content_of(held->path("base.onnx")) == models.base);
  held.reset();
  CHECK(store.pack("base", "p").freed != 0);
  CHECK(content_of(store.find("copy", "p")->path("base.onnx")) == models.base);
}

TEST_CASE("links, hard links and copies are packed alike") {
  for (const larder::link_mode links : {larder::link_mode::relative, larder::link_mode::hard, larder::link_mode::copy}) {
    CAPTURE(static_cast<int>(links));
    const support::temporary_folder home;
    two_models models;
    package_store store{home.path(), {.links = links}};
    store.get("base", "p", models.base_files, models.provider.fetch());
    const std::uint64_t before = store.usage().bytes();
    CHECK(store.pack("base", "p").freed == before);
    CHECK(store.usage().own_bytes == 0);
    CHECK(content_of(store.get("base", "p", models.base_files, nobody).path("base.onnx")) == models.base);
    CHECK(store.verify("base", "p").is_whole());
    CHECK(store.usage().bytes() == before + models.base.size() + 5);  // and in pieces still
  }
}

TEST_CASE("verify says of a packed package whether it can be put together") {
  const support::temporary_folder home;
  two_models models;
  {
    package_store store{home.path()};
    store.get("base", "p", models.base_files, models.provider.fetch());
    store.pack("base", "p");
    for (const verify_depth depth : {verify_depth::quick, verify_depth::deep}) {
      const larder::package_report report = store.verify("base", "p", depth);
      CHECK(report.is_whole());
      CHECK(std::all_of(report.files.begin(), report.files.end(), [](const auto& file) { return file.packed; }));
    }
    CHECK(blobs_in(home.path()) == 0);
  }
  fs::remove_all(home / "blob-state/pieces");
  package_store store{home.path()};
  for (const verify_depth depth : {verify_depth::quick, verify_depth::deep})
    CHECK(store.verify("base", "p", depth).files.front().fault == file_fault::damaged);
  const support::refusal refused = support::refusal_of([&] { store.find("base", "p"); });
  CHECK(refused.cause == larder::error_cause::io);
  CHECK(content_of(store.get("base", "p", models.base_files, models.provider.fetch()).path("base.onnx")) == models.base);
}

TEST_CASE("of a packed file with damaged pieces the damaged chunks alone are fetched") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::string large = pattern(3 * chunk_size + 1000, 3);
  const std::vector<package_file> files{provider.file("w.bin", large)};
  {
    package_store store{home.path()};
    store.get("m", "p", files, provider.fetch());
    store.pack("m", "p");
  }
  // One bit in each segment, somewhere in the first half of it.
  std::size_t flipped = 0;
  for (const auto& entry : fs::recursive_directory_iterator(home / "blob-state/pieces")) {
    if (entry.path().extension() != ".segment" || flipped != 0) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(300'000);
    const char c = static_cast<char>(file.get());
    file.seekp(300'000);
    file.put(static_cast<char>(c ^ 1));
    ++flipped;
  }
  REQUIRE(flipped == 1);
  package_store store{home.path()};
  CHECK(store.verify("m", "p").files.front().fault == file_fault::damaged);
  const std::uint64_t before = provider.bytes();
  CHECK(content_of(store.get("m", "p", files, provider.fetch()).path("w.bin")) == large);
  CHECK(provider.bytes() - before == chunk_size);
  CHECK(store.stats().resumed_bytes == large.size() - chunk_size);
  CHECK(store.pack("m", "p").added < chunk_size);  // and the pieces that were lost are there again
  CHECK(content_of(store.get("m", "p", files, nobody).path("w.bin")) == large);
}

TEST_CASE("a list that is of something else is thrown away, and its content never handed out") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  store.get("base", "p", models.base_files, models.provider.fetch());
  store.get("tuned", "p", models.tuned_files, models.provider.fetch());
  store.pack_all();
  const auto name = [](const package_file& file) { return larder::artifacts::blob_folder::name_of(*file.digest); };
  fs::copy_file(home / "blob-state/packed" / name(models.tuned_files[0]), home / "blob-state/packed" / name(models.base_files[0]), fs::copy_options::overwrite_existing);
  CHECK(support::cause_of([&] { store.find("base", "p"); }) == larder::error_cause::io);
  CHECK(!fs::exists(home / "blob-state/packed" / name(models.base_files[0])));
  CHECK(content_of(store.get("base", "p", models.base_files, models.provider.fetch()).path("base.onnx")) == models.base);
}

TEST_CASE("a damaged blob is not packed, and stays") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  const fs::path path = fs::canonical(store.get("base", "p", models.base_files, models.provider.fetch()).path("base.onnx"));
  fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).put('\x7f');
  CHECK(support::cause_of([&] { store.pack("base", "p"); }) == larder::error_cause::corruption);
  CHECK(fs::exists(path));
}

TEST_CASE("packing can be given up, and what it left goes with gc") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  store.get("base", "p", models.base_files, models.provider.fetch());
  std::stop_source stop;
  CHECK(support::cause_of([&] {
          store.pack("base", "p", {stop.get_token(), [&](std::uint64_t done, std::uint64_t) {
                                     if (done > 300'000) stop.request_stop();
                                   }});
        }) == larder::error_cause::cancelled);
  CHECK(blobs_in(home.path()) == 2);
  CHECK(store.usage().piece_bytes > 0);
  CHECK(store.gc().bytes > 0);
  CHECK(store.usage().piece_bytes <= 5);  // the labels may have been packed before
  CHECK(store.verify("base", "p").is_whole());
}

TEST_CASE("pieces go with the last package that wants them, by gc, by purge and by the quota") {
  for (const int way : {0, 1, 2, 3}) {
    CAPTURE(way);
    const support::temporary_folder home;
    two_models models;
    package_store store{home.path()};
    store.get("base", "p", models.base_files, models.provider.fetch());
    store.get("tuned", "p", models.tuned_files, models.provider.fetch());
    store.pack_all();
    const std::uint64_t all = store.usage().bytes();
    if (way == 0) {
      store.erase("tuned", "p");
      CHECK(store.usage().bytes() == all);
      store.gc();
      CHECK(store.usage().bytes() < all);
      CHECK(store.usage().bytes() >= models.base.size());
      CHECK(content_of(store.find("base", "p")->path("base.onnx")) == models.base);
    } else if (way == 1) {
      store.purge();
      CHECK(store.usage().bytes() == 0);
      CHECK(store.usage().packed_blobs == 0);
    } else if (way == 2) {
      store.purge(larder::purge_scope::blobs);
      CHECK(store.usage().bytes() == 0);
      CHECK(store.usage().packages == 2);
    } else {
      CHECK(store.shrink_to(all - 1).packages == 1);  // the base, which came first
      CHECK(store.usage().packages == 1);
      CHECK(store.usage().bytes() < all);
      CHECK(content_of(store.find("tuned", "p")->path("tuned.onnx")) == models.tuned);
    }
  }
}

TEST_CASE("when room is short, files of packed packages go before packages do") {
  const support::temporary_folder home;
  two_models models;
  package_store store{home.path()};
  store.get("base", "p", models.base_files, models.provider.fetch());
  store.pack("base", "p");
  store.get("base", "p", models.base_files, nobody);  // a file again, and in pieces
  const larder::removal_report gone = store.shrink_to(models.base.size() + 100);
  CHECK(gone.packages == 0);
  CHECK(gone.bytes == models.base.size() + 5);
  CHECK(content_of(store.get("base", "p", models.base_files, nobody).path("base.onnx")) == models.base);
}

TEST_CASE("a process that is killed while it packs leaves the package whole") {
  for (const int at : {1, 2, 5, 20}) {
    const support::temporary_folder home;
    two_models models;
    {
      package_store store{home.path()};
      store.get("base", "p", models.base_files, models.provider.fetch());
    }
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(60);
      int calls = 0;
      package_store store{home.path()};
      store.pack("base", "p", {{}, [&](std::uint64_t, std::uint64_t) {
                                 if (++calls == at) ::kill(::getpid(), SIGKILL);
                               }});
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    package_store store{home.path()};
    CHECK(content_of(store.get("base", "p", models.base_files, nobody).path("base.onnx")) == models.base);
    store.gc();
    CHECK(store.pack("base", "p").freed != 0);
    CHECK(content_of(store.get("base", "p", models.base_files, nobody).path("base.onnx")) == models.base);
  }
}

TEST_CASE("threads pack, unpack and collect at once, and nobody reads a wrong byte") {
  const support::temporary_folder home;
  two_models models;
  {
    package_store store{home.path()};
    store.get("base", "p", models.base_files, models.provider.fetch());
    store.get("tuned", "p", models.tuned_files, models.provider.fetch());
  }
  const auto work = [&](int who) {
    package_store store{home.path()};  // as another process would
    for (int i = 0; i < 8; ++i) {
      if (who == 0) store.pack_all();
      if (who == 1) store.gc();
      if (who >= 2) {
        const std::optional<larder::package> p = store.find(who == 2 ? "base" : "tuned", "p");
        if (!p || content_of(p->path(who == 2 ? "base.onnx" : "tuned.onnx")) != (who == 2 ? models.base : models.tuned))
          FAIL_CHECK("a wrong byte");
      }
    }
  };
  std::vector<std::jthread> threads;
  for (int who = 0; who < 4; ++who) threads.emplace_back(work, who);
}

TEST_CASE("whatever is done to packed packages, each that is there has its files, and nothing is kept for those that are gone") {
  CHECK(rc::check("a store with pieces", [] {
    const support::temporary_folder home;
    support::file_provider provider;
    auto store = std::make_unique<package_store>(home.path());
    std::map<int, std::vector<std::pair<package_file, std::string>>> packages;
    std::map<int, larder::package> held;
    const auto id_of = [](int id) { return "p" + std::to_string(id); };
    const auto check = [&](int id, const larder::package& p) {
      for (const auto& [file, content] : packages.at(id)) RC_ASSERT(content_of(p.path(file.name)) == content);
    };
    const int steps = *rc::gen::inRange(5, 30);
    for (int i = 0; i < steps; ++i) {
      const int id = *rc::gen::inRange(0, 4);
      switch (*rc::gen::inRange(0, 10)) {
        case 0:
        case 1: {
          if (packages.contains(id)) break;
          std::vector<package_file> files;
          for (int n = *rc::gen::inRange(1, 3); n > 0; --n) {
            std::string content;  // parts that packages have in common, at any place
            for (int parts = *rc::gen::inRange(0, 4); parts > 0; --parts) content += pattern(60'000, *rc::gen::inRange<std::uint32_t>(0, 4));
            packages[id].emplace_back(provider.file("f" + std::to_string(n), content), content);
            files.push_back(packages[id].back().first);
          }
          check(id, store->get("m", id_of(id), files, provider.fetch()));
          break;
        }
        case 2:
        case 3:
          if (packages.contains(id)) store->pack("m", id_of(id));
          break;
        case 4:
          store->pack_all();
          break;
        case 5:
          if (packages.contains(id)) held.insert_or_assign(id, *store->find("m", id_of(id)));
          break;
        case 6:
          held.erase(id);
          break;
        case 7:
          if (packages.contains(id) && !held.contains(id)) {
            store->erase("m", id_of(id));
            packages.erase(id);
          }
          store->gc();
          break;
        case 8: {
          const auto most = *rc::gen::inRange<std::uint64_t>(0, 600'000);
          store->shrink_to(most);
          for (auto at = packages.begin(); at != packages.end();) {
            const std::string package = id_of(at->first);
            const std::vector<larder::package_info> all = store->list();
            const bool there = std::any_of(all.begin(), all.end(), [&](const auto& info) { return info.manifest.package_id == package; });
            RC_ASSERT(there || !held.contains(at->first));
            at = there ? std::next(at) : packages.erase(at);
          }
          if (store->usage().bytes() > most) RC_ASSERT(packages.size() == held.size());  // all that could go has gone
          break;
        }
        default:
          store = std::make_unique<package_store>(home.path());
      }
      for (const auto& [held_id, p] : held) check(held_id, p);
      RC_ASSERT(store->usage().packages == packages.size());
    }
    const std::uint64_t calls = provider.calls();
    for (const auto& [id, files] : packages) {
      RC_ASSERT(store->verify("m", id_of(id)).is_whole());
      check(id, *store->find("m", id_of(id)));
    }
    RC_ASSERT(provider.calls() == calls);
    held.clear();
    for (const auto& [id, files] : packages) store->erase("m", id_of(id));
    store->gc();
    RC_ASSERT(store->usage().bytes() == 0);
    RC_ASSERT(store->usage().packed_blobs == 0);
  }));
}
