#pragma once

#include <larder/core/time.hpp>

#include <exception>
#include <memory>
#include <string>

namespace larder::artifacts {

/// Where the answer to a request is kept.
struct resolution_place {
  std::string key;  // canonical JSON
  std::string id;   // its SHA-256: the name of the file
};

/// An answer on its way to who asked.
template <class T>
struct resolution_answer {
  std::shared_ptr<const T> value{};  // nothing where there is none
  std::exception_ptr absence{};      // the words in which the resolver said so
  instant created{};
  bool is_stale = false;
  bool fresh = false;  // from a resolver, not from a file
};

}  // namespace larder::artifacts
