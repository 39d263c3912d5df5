#pragma once

#include "subject.hpp"

namespace bench {

// Who can take part, each list in the file of its name. What the others are divided by is called as here.
inline constexpr const char* put_floor = "floor_pwrite";
inline constexpr const char* get_floor = "floor_mmap";

candidates floors();       ///< one preallocated file, without keys: what the kernel charges for the bytes alone
candidates larder_disk();  ///< `mmap_disk` as users name it, by `put_many` of 100, and with `verify::always`
candidates larder_zstd();  ///< the same with `zstd`; empty without libzstd
candidates plain_files();  ///< a file for each value: written aside and renamed, read with pread

candidates lmdb();  ///< empty without LMDB, and so below
candidates rocksdb();
candidates sqlite();

/// All of them.
candidates everybody();

}  // namespace bench
