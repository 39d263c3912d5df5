# Install rules of the command, the component `tools`: the program and what makes shells complete its line, which it prints once it is built.
# Installing everything goes without a command that is not built; the component asked for by its name is then a failure.
install(CODE "if(CMAKE_INSTALL_COMPONENT STREQUAL \"tools\" AND NOT EXISTS \"$<TARGET_FILE:larder_command>\")
  message(FATAL_ERROR \"larder: the command is not built yet: cmake --build ${PROJECT_BINARY_DIR} --target larder_command\")
endif()" COMPONENT tools)
install(TARGETS larder_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools OPTIONAL)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/larder" COMPONENT tools)

if(NOT CMAKE_CROSSCOMPILING)                                # what cannot be run here cannot be asked
  set(completions "${PROJECT_BINARY_DIR}/completions")
  add_custom_command(TARGET larder_command POST_BUILD VERBATIM
                     COMMAND "${CMAKE_COMMAND}" -DCOMMAND=$<TARGET_FILE:larder_command> "-DFOLDER=${completions}"
                             -P "${PROJECT_SOURCE_DIR}/cmake/larder-completions.cmake")
  install(FILES "${completions}/larder.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME larder COMPONENT tools OPTIONAL)
  install(FILES "${completions}/larder.zsh" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" RENAME _larder COMPONENT tools OPTIONAL)
  install(FILES "${completions}/larder.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT tools OPTIONAL)
endif()
