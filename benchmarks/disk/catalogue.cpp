#include "catalogue.hpp"

#include <utility>

namespace bench {

candidates everybody() {
  candidates all;
  for (candidates (*const some)() : {floors, larder_disk, larder_zstd, lmdb, rocksdb, sqlite, plain_files})
    for (candidate& one : some()) all.push_back(std::move(one));
  return all;
}

}  // namespace bench
