// P19: what the rows of P say holds for a cache that was set up in any of the spellings, over a store.

#include <larder/artifact/pass_cache.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "made_passes.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace passes_in_test;
using larder::pass;
using larder::pass_cache;
using larder::step_action;
using actions = std::vector<step_action>;

/// A way to say the same settings.
struct spelling {
  const char* name;
  std::string (*text)(const std::string& folder, bool updates, const std::string& more);
};

std::string flag(bool on) { return on ? "true" : "false"; }

const std::vector<spelling> spellings{
    {"flat",
     [](const std::string& folder, bool updates, const std::string& more) {
       return "{\"cache_dir\": \"" + folder +
              R"(", "account_name": "acct", "container_name": "models", "update_shared_cache": )" + flag(updates) + more + "}";
     }},
    {"a list of a folder and a blob URL",
     [](const std::string& folder, bool updates, const std::string& more) {
       return "{\"cache_dir\": [\"" + folder + R"(", "https://acct.blob.core.windows.net/models"], "update_shared_cache": )" +
              flag(updates) + more + "}";
     }},
    {"cache_config",
     [](const std::string& folder, bool updates, const std::string& more) {
       return "{\"cache_config\": {\"cache_dir\": \"" + folder +
              R"(", "account_name": "acct", "container_name": "models", "update_shared_cache": )" + flag(updates) + more + "}}";
     }},
    {"the older one",
     [](const std::string& folder, bool updates, const std::string& more) {
       return "{\"cache_dir\": \"" + folder +
              R"(", "cloud_cache_config": {"account_url": "https://acct.blob.core.windows.net", "container_name": "models", )" +
              R"("upload_to_cloud": )" + flag(updates) + "}" + more + "}";
     }},
};

/// Caches of one spelling, each in its folder, over one store.
struct machines {
  const spelling& said;
  std::shared_ptr<counting_store> store;
  support::temporary_folder here{};
  counted_passes passes{};

  std::unique_ptr<pass_cache> at(const std::string& folder, bool updates = true, const std::string& more = {}) const {
    return std::make_unique<pass_cache>(larder::pass_settings::from_json(said.text((here / folder).string(), updates, more)),
                                        store);
  }
  void run(pass_cache& cache, const std::vector<pass>& chain, const larder::run_options& options = {}) {
    CHECK(content_of(cache.run("model-1", chain, std::ref(passes), options) / "model.onnx") == model_of(chain));
  }
};

template <class Row>
void in_every_spelling(Row&& row) {
  for (const spelling& one : spellings) {
    CAPTURE(one.name);
    row(one);
  }
}

std::string blob_key(const std::string& content) {
  return larder::artifacts::shared_blob_key(larder::digest_of(std::string_view(content), larder::digest_algorithm::sha256));
}

}  // namespace

TEST_CASE("P19, P1, P5, P20: a chain that is shared whole moves its last model alone, once, as the plan says") {
  in_every_spelling([](const spelling& said) {
    const std::vector<pass> chain = three_passes();
    machines m{said, store_with(chain)};
    const auto cache = m.at("cache");
    const std::vector<larder::step> steps = cache->plan("model-1", chain);
    CHECK(steps[0].action == step_action::skip);
    CHECK(steps[2].action == step_action::download);
    CHECK(steps[2].bytes == model_of(chain).size() + chain[2].config.size());
    CHECK(m.store->asked_for("/blobs/") == 0);
    m.run(*cache, chain);
    CHECK(m.passes.all_runs() == 0);
    CHECK(m.store->asked_for("/blobs/") == 2);
    m.store->forget_counts();
    m.run(*cache, chain);
    CHECK(m.store->requests() == 0);
  });
}

TEST_CASE("P19, P2, P16: evaluations, as often as their configuration says") {
  in_every_spelling([](const spelling& said) {
    std::vector<pass> chain = three_passes();
    machines m{said, store_with(chain)};
    chain[1].evaluator = R"({"metric": "size"})";
    int evaluations = 0;
    const larder::run_options options{.evaluate = [&](const pass&, const fs::path&, const std::stop_token&) {
      ++evaluations;
      return std::string("1");
    }};
    const auto cache = m.at("cache");
    m.run(*cache, chain, options);
    CHECK(evaluations == 1);
    CHECK(m.store->asked_for(blob_key(model_of({chain[0]}))) == 0);
    CHECK(m.store->asked_for(blob_key(model_of({chain[0], chain[1]}))) == 1);
    const auto other = m.at("other");
    m.run(*other, chain, options);
    CHECK(evaluations == 1);
    chain[1].evaluator = R"({"metric": "size", "samples": 2})";
    m.run(*cache, chain, options);
    CHECK(evaluations == 2);
    CHECK(m.passes.all_runs() == 0);
  });
}

TEST_CASE("P19, P8: what depends on a callable is not shared, with one warning") {
  in_every_spelling([](const spelling& said) {
    machines m{said, std::make_shared<counting_store>()};
    const auto cache = m.at("cache");
    const larder::opaque_attribute loader([] {});
    const larder::pass_input input("model-1", {}, loader);
    const std::size_t warnings = cache->warnings().size();
    cache->run(input, three_passes(), std::ref(m.passes));
    cache->run(input, three_passes(), std::ref(m.passes));
    CHECK(m.passes.all_runs() == 3);
    CHECK(m.store->requests() == 0);
    CHECK(cache->warnings().size() == warnings + 1);
  });
}

TEST_CASE("P19, P9: two publishers of one chain leave one whole entry of each pass") {
  in_every_spelling([](const spelling& said) {
    machines m{said, std::make_shared<counting_store>()};
    const std::vector<pass> chain = three_passes();
    const auto first = m.at("first"), second = m.at("second");
    m.run(*first, chain);
    for (const std::string& key : m.store->keys_with("/runs/")) m.store->erase(key);  // as if the second had looked before
    m.run(*second, chain);
    CHECK(m.store->keys_with("/runs/").size() == 3);
    const auto third = m.at("third");
    const int runs = m.passes.all_runs();
    m.run(*third, chain);
    CHECK(m.passes.all_runs() == runs);
  });
}

TEST_CASE("P19, P10: a write that fails, at any object, costs no work, and the next run publishes") {
  in_every_spelling([](const spelling& said) {
    const std::vector<pass> chain{step_called("A"), step_called("B", R"({"b": 1})")};
    for (std::size_t k = 0; k < 6; ++k) {
      CAPTURE(k);
      machines m{said, std::make_shared<counting_store>()};
      m.store->fail_writes_from(k);
      const auto cache = m.at("cache");
      m.run(*cache, chain);
      CHECK(m.store->keys_with("/runs/").size() == k / 3);
      m.store->fail_writes_from(std::nullopt);
      m.run(*cache, chain);
      CHECK(m.passes.all_runs() == 2);
      CHECK(m.store->keys_with("/runs/").size() == 2);
    }
  });
}

TEST_CASE("P19, P11: a shared model that was damaged is made again, and published") {
  in_every_spelling([](const spelling& said) {
    const std::vector<pass> chain = three_passes();
    machines m{said, store_with(chain)};
    std::string damaged = model_of(chain);
    damaged[5] = static_cast<char>(damaged[5] ^ 1);
    m.store->set(blob_key(model_of(chain)), damaged);
    m.run(*m.at("cache"), chain);
    CHECK(m.passes.all_runs() == 1);
    m.run(*m.at("other"), chain);
    CHECK(m.passes.all_runs() == 1);
  });
}

TEST_CASE("P19, P12: a record with a name that leads out is not used") {
  in_every_spelling([](const spelling& said) {
    const std::vector<pass> chain{step_called("A")};
    machines m{said, std::make_shared<counting_store>()};
    const larder::pass_key key = larder::keys_of_chain("model-1", chain)[0];
    larder::pass_record record;
    record.id = key.id;
    record.key = key.text;
    record.files = {{"../../planted", 7, larder::digest_of(std::string_view("planted"), larder::digest_algorithm::sha256)}};
    record.bytes = 7;
    record.workflow = "w";
    m.store->set(larder::artifacts::shared_run_key(key.id), larder::artifacts::seal_text(record.text(nullptr), {}));
    m.store->set(blob_key("planted"), "planted");
    const auto cache = m.at("cache");
    m.run(*cache, chain);
    CHECK(cache->stats().poisoned == 1);
    CHECK(m.store->asked_for("/blobs/") == 0);
    CHECK_FALSE(fs::exists(m.here / "planted"));
    CHECK_FALSE(fs::exists(m.here / "cache/planted"));
  });
}

TEST_CASE("P19, P13: a pass that fails is known to fail, on all machines; with updates off on its own") {
  in_every_spelling([](const spelling& said) {
    for (const bool updates : {true, false}) {
      CAPTURE(updates);
      const std::vector<pass> chain = three_passes();
      machines m{said, std::make_shared<counting_store>()};
      int runs = 0;
      const auto fails = [&](const pass& step, const fs::path& from, const fs::path& to, const std::stop_token& stop) {
        ++runs;
        if (step.name == chain[1].name) throw larder::pass_failure(larder::failure_kind::permanent, "no such operator");
        m.passes(step, from, to, stop);
      };
      const auto cache = m.at("cache", updates);
      for (int again = 0; again < 2; ++again) CHECK_THROWS_AS(cache->run("model-1", chain, fails), larder::pass_failure);
      CHECK(runs == 2);
      CHECK_THROWS_AS(m.at("other", updates)->run("model-1", chain, fails), larder::pass_failure);
      CHECK(runs == (updates ? 2 : 4));
      CHECK((m.store->writes() == 0) == !updates);
    }
  });
}

TEST_CASE("P19, P17: a local record that was damaged comes from the shared store again") {
  in_every_spelling([](const spelling& said) {
    const std::vector<pass> chain = three_passes();
    machines m{said, store_with(chain)};
    const auto cache = m.at("cache");
    m.run(*cache, chain);
    const std::string id = larder::keys_of_chain("model-1", chain)[2].id;
    write(m.here / "cache/runs" / (id + ".json"), "{\"check\":");
    m.run(*cache, chain);
    CHECK(m.passes.all_runs() == 0);
    CHECK(cache->stats().damaged >= 1);
  });
}

TEST_CASE("P19, P18: what is to be cleaned is cleaned when the cache is made") {
  in_every_spelling([](const spelling& said) {
    std::vector<pass> chain = three_passes();
    chain[2].evaluator = "{}";
    machines m{said, std::make_shared<counting_store>()};
    const larder::run_options options{
        .evaluate = [&](const pass&, const fs::path&, const std::stop_token&) { return std::string("1"); }};
    m.run(*m.at("cache", false), chain, options);
    const auto evaluations = [&] {
      return std::count_if(fs::directory_iterator(m.here / "cache/evaluations"), fs::directory_iterator(),
                           [](const auto&) { return true; });
    };
    CHECK(evaluations() == 1);
    CHECK(m.at("cache", false, R"(, "clean_evaluation_cache": true)")->list().size() == 3);
    CHECK(evaluations() == 0);
    CHECK(m.at("cache", false, R"(, "clean_cache": true)")->list().empty());
  });
}

TEST_CASE("P19, P21: a miss is explained by the field that differs") {
  in_every_spelling([](const spelling& said) {
    std::vector<pass> chain = three_passes();
    machines m{said, store_with(chain)};
    const auto cache = m.at("cache");
    m.run(*cache, chain);
    chain[2].config = R"({"bits": 4})";
    CHECK(cache->explain("model-1", chain, 2).find("pass_config.bits: 4 here, 8 there") != std::string::npos);
  });
}

TEST_CASE("P19, P22: with updates off the store is read and never written") {
  in_every_spelling([](const spelling& said) {
    const std::vector<pass> chain = three_passes();
    machines m{said, store_with({chain[0]})};
    m.run(*m.at("cache", false), chain);
    CHECK(m.passes.all_runs() == 2);
    CHECK(m.store->asked_for(blob_key(model_of({chain[0]}))) == 1);
    CHECK(m.store->writes() == 0);
  });
}
