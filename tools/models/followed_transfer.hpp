#pragma once

#include "disk/interruption.hpp"
#include "disk/progress_line.hpp"

#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/core/units.hpp>

#include <cstdint>
#include <cstdio>
#include <stop_token>
#include <string>
#include <utility>

namespace models {

/// How far a transfer is, on a line; a signal stops it.
class followed_transfer {
 public:
  followed_transfer(std::string title, bool quiet) : title_(std::move(title)), line_(quiet) {}

  larder::transfer_control control() {
    return {stop_.get_token(), [this](std::uint64_t done, std::uint64_t total) {
              if (interruption_.asked()) stop_.request_stop();
              line_.renew([&] {
                const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
                return title_ + " " + disk::progress_line::bar(share) + " " + larder::format_size(done) + " of " +
                       larder::format_size(total) + line_.left(share);
              });
            }};
  }
  bool interrupted() const { return interruption_.asked(); }
  void end() { line_.end(); }

 private:
  std::string title_;
  disk::progress_line line_;
  disk::interruption interruption_;
  std::stop_source stop_;
};

/// Runs it; an interrupted one is told in its own way.
template <class Work>
int interruptible(followed_transfer& transfer, Work&& work) {
  try {
    return work();
  } catch (const larder::error& e) {
    transfer.end();
    if (e.cause() != larder::error_cause::cancelled || !transfer.interrupted()) throw;
    std::fputs("interrupted; the same command goes on from here\n", stderr);
    return disk::interruption::exit_code;
  }
}

}  // namespace models
