#include "subcommand.hpp"

#include "simulate/escaped_text.hpp"

#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <utility>

namespace tools {
namespace {

bool is_of_rights(const std::exception& failure) {
  const auto* const of_file = dynamic_cast<const larder::storage::file_error*>(&failure);
  return of_file != nullptr && (of_file->number() == EACCES || of_file->number() == EPERM || of_file->number() == EROFS);
}

int run(const subcommand& asked, const std::string& needed_rights) {
  try {
    asked.prepare();
  } catch (const larder::error& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return exit_code::wrong_use;
  }
  try {
    const int code = asked.work();
    // What did not go out earlier is only in the stream's mark: nothing may be left for the flush to fail on.
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? code : asked.code_when_failed();
  } catch (const std::exception& failure) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s%s\n", simulate::printable(failure.what()).c_str(),
                 is_of_rights(failure) ? needed_rights.c_str() : "");
    return asked.code_when_failed();
  }
}

}  // namespace

void refuse(const std::string& message) { throw larder::error(larder::error_cause::invalid_argument, message); }

std::function<int()> one_of(std::vector<subcommand> all, std::string needed_rights) {
  return [all = std::move(all), needed_rights = std::move(needed_rights)] {
    for (const subcommand& one : all)
      if (one.app->parsed()) return run(one, needed_rights);
    return exit_code::wrong_use;
  };
}

}  // namespace tools
