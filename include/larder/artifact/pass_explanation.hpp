#pragma once

// Why a pass will run: in which field its key differs from the nearest entry that there is.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/pass.hpp>
#include <larder/artifact/pass_difference.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/pass_plan.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/sealed_text.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// The records of all outputs that are here and whole, in no order. Those that are not are left out.
template <class F>
void for_each_run(const pass_folder& folder, F&& f) {
  for_each_entry(folder.root() / "runs", [&](const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    if (!name.ends_with(".json") || !is_pass_id(std::string_view(name).substr(0, name.size() - 5))) return;
    try {
      const std::optional<std::string> text = read_small_file(path, pass_record::longest);
      if (!text) return;
      const unsealed_text opened = unseal_text(*text, secret());
      if (opened.state != seal_state::whole) return;
      pass_record record = pass_record::parse(opened.body);
      if (record.id == name.substr(0, name.size() - 5) && id_of_text(record.key) == record.id) f(std::move(record));
    } catch (const error&) {
    }
  });
}

class pass_explanation {
 public:
  pass_explanation(const pass_folder& folder, const std::vector<pass>& chain, const std::vector<pass_key>& keys)
      : chain_(chain), keys_(keys) {
    for_each_run(folder, [&](pass_record record) {
      if (!record.failure) records_.push_back(std::move(record));
    });
  }

  /// Why the output of a pass is not there.
  std::string why_missed(std::size_t i) const {
    const std::string who = "pass " + std::to_string(i) + " (" + chain_[i].name + ", " + short_id(keys_[i].id) + ")";
    const std::optional<neighbour> nearest = nearest_to(i);
    if (!nearest) return who + " missed: nothing is cached yet for this pass, whatever its configuration and input";
    std::string text = who + " missed: the nearest entry, " + short_id(nearest->record->id) + ", differs in ";
    bool is_first = true;
    for (const key_difference& one : nearest->differences) {
      if (!is_first) text += "; ";
      is_first = false;
      if (one.field == "input_model_id")
        text += why_of_input(i, one);
      else
        text += one.field + ": " + shown_value(one.ours) + " here, " + shown_value(one.theirs) + " there";
    }
    return text;
  }

 private:
  struct neighbour {
    const pass_record* record;
    std::vector<key_difference> differences;
  };

  /// Of the same pass, the one that differs least; the newest of several.
  std::optional<neighbour> nearest_to(std::size_t i) const {
    std::optional<neighbour> best;
    for (const pass_record& record : records_) {
      if (record.id == keys_[i].id) continue;
      std::optional<std::vector<key_difference>> differences = differences_of_keys(keys_[i].text, record.key);
      if (!differences || distance_of(*differences) >= 1000) continue;
      if (best) {
        const std::size_t ours = distance_of(*differences), theirs = distance_of(best->differences);
        if (ours > theirs || (ours == theirs && record.made <= best->record->made)) continue;
      }
      best = neighbour{&record, std::move(*differences)};
    }
    return best;
  }

  /// Another input: of the chain's beginning it is the caller's, else the pass before says why.
  std::string why_of_input(std::size_t i, const key_difference& one) const {
    std::string text = "input_model_id: " + shown_value(one.ours) + " here, " + shown_value(one.theirs) + " there";
    if (i == 0 || !one.theirs || one.theirs->size() < 2) return text;
    const std::string theirs = one.theirs->substr(1, one.theirs->size() - 2);
    for (const pass_record& record : records_)
      if (record.id == theirs) {
        const auto before = differences_of_keys(keys_[i - 1].text, record.key);
        if (!before) return text;
        std::string reasons;
        for (const key_difference& reason : *before) {
          if (!reasons.empty()) reasons += ", ";
          reasons += reason.field + " is " + shown_value(reason.ours) + " here, " + shown_value(reason.theirs) + " there";
        }
        return text + " (pass " + std::to_string(i - 1) + ", " + chain_[i - 1].name + ": " + reasons + ")";
      }
    return text;
  }

  const std::vector<pass>& chain_;
  const std::vector<pass_key>& keys_;
  std::vector<pass_record> records_;
};

}  // namespace larder::artifacts
