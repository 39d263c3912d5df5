# Installs larder from BUILD into PREFIX and checks that the installation does not know where it was made (it can be moved).
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}.made" RESULT_VARIABLE code OUTPUT_QUIET)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "installing failed")
endif()
file(RENAME "${PREFIX}.made" "${PREFIX}")                   # every consumer uses the moved installation

file(GLOB_RECURSE files "${PREFIX}/share/*")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(FIND "${text}" "${PREFIX}" place)
  string(FIND "${text}" "${BUILD}" other_place)
  if(NOT place EQUAL -1 OR NOT other_place EQUAL -1)
    message(FATAL_ERROR "${file} names a folder of this build")
  endif()
endforeach()
foreach(expected IN ITEMS include/larder/larder.hpp share/cmake/larder/larder-config.cmake share/pkgconfig/larder.pc
                          share/licenses/larder/LICENSE)
  if(NOT EXISTS "${PREFIX}/${expected}")
    message(FATAL_ERROR "${expected} was not installed")
  endif()
endforeach()
