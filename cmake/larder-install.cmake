# Install rules: headers, one export file per component, a relocatable package under share/cmake/larder, larder.pc, and what is for
# people who write programs: gdb's printers, the settings' schema. All of it is the install component `headers`; the command's is `tools`.
if(CMAKE_VERSION VERSION_LESS 3.23)
  message(FATAL_ERROR "larder: installing needs CMake 3.23 (this is ${CMAKE_VERSION}); add_subdirectory needs 3.16: -DLARDER_INSTALL=OFF")
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(larder_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/larder")

get_property(larder_built_components GLOBAL PROPERTY larder_built_components)
foreach(component IN LISTS larder_built_components)
  set(target larder_${component})
  if(component STREQUAL "core")
    set(target larder)
  endif()
  get_target_property(header_sets ${target} INTERFACE_HEADER_SETS)
  set(header_rule "")
  if(header_sets)
    set(header_rule FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT headers)
  endif()
  # INCLUDES DESTINATION beside the file set: consumers below CMake 3.23 do not read file sets and would get no include path.
  install(TARGETS ${target} EXPORT larder-${component}-targets ${header_rule} INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT larder-${component}-targets NAMESPACE larder:: DESTINATION "${larder_package_dir}" COMPONENT headers)
endforeach()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/larder-config.cmake.in" "${PROJECT_BINARY_DIR}/larder-config.cmake"
                              INSTALL_DESTINATION "${larder_package_dir}" NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/larder-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)   # SameMajorVersion from 1.0 on
install(FILES "${PROJECT_BINARY_DIR}/larder-config.cmake" "${PROJECT_BINARY_DIR}/larder-config-version.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/larder-components.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindxxHash.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/with_toml.cpp" "${PROJECT_SOURCE_DIR}/cmake/with_yaml.cpp"
              "${PROJECT_SOURCE_DIR}/cmake/with_httptier.cpp" "${PROJECT_SOURCE_DIR}/cmake/with_redistier.cpp"
        DESTINATION "${larder_package_dir}" COMPONENT headers)

configure_file("${PROJECT_SOURCE_DIR}/cmake/larder.pc.in" "${PROJECT_BINARY_DIR}/larder.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/larder.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig" COMPONENT headers)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/larder" COMPONENT headers)
install(FILES "${PROJECT_SOURCE_DIR}/tools/gdb/larder_printers.py" "${PROJECT_SOURCE_DIR}/docs/config.schema.json"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/larder" COMPONENT headers)
