#pragma once

#include <larder/artifact/file_link.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/pass_exchange.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_plan.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/pass_survey.hpp>
#include <larder/artifact/work_folder.hpp>
#include <larder/core/transfer.hpp>

#include <filesystem>
#include <set>
#include <string_view>

namespace larder::artifacts {

/// Puts an output together from what is here and what the shared store has.
class output_assembly {
 public:
  output_assembly(const pass_folder& folder, pass_exchange& exchange, pass_report& report)
      : folder_(folder), exchange_(exchange), report_(report) {}

  /// Makes an output that is available one that is here; `moved` says whether files came from the shared store. False when that cannot be: then it
  /// is available nowhere.
  bool assemble(known_step& step, bool& moved, const transfer_control& control) {
    const auto give_up = [&] {
      step.where = known_step::place::nowhere;
      step.record.reset();
      step.missing.clear();
      return false;
    };
    try {
      const bool is_new = step.where == known_step::place::shared;
      if (is_new && !pass_survey(folder_, exchange_, report_).settle(step, {control.stop, {}})) return give_up();
      const work_folder work(folder_.begin_work());
      std::set<std::string_view> missing;
      for (const pass_file& file : step.missing) missing.insert(file.name);
      for (const pass_file& file : step.record->files)
        if (!missing.contains(file.name)) place_from_here(*step.record, file, work.path() / file.name);
      if (!step.missing.empty() && !exchange_.bring(step.missing, work.path(), control)) return give_up();
      moved = !step.missing.empty();
      folder_.publish_output(work.path(), step.record->id);
      if (is_new) folder_.write_run(*step.record, exchange_.signing());
      step.where = known_step::place::here;
      step.missing.clear();
      return true;
    } catch (...) {
      report_.absorb_current();
    }
    return give_up();
  }

 private:
  void place_from_here(const pass_record& record, const pass_file& file, const std::filesystem::path& place) const {
    make_folder_tree(place.parent_path());
    if (folder_.blobs().find(file.digest))
      folder_.put_blob(file.digest, place);
    else
      file_linker(folder_.output_of(record.id) / file.name, place).link(link_mode::copy);
  }

  const pass_folder& folder_;
  pass_exchange& exchange_;
  pass_report& report_;
};

}  // namespace larder::artifacts
