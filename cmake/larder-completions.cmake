# Has COMMAND, which was just built, print what shells complete its line with, into files of FOLDER.
file(MAKE_DIRECTORY "${FOLDER}")
foreach(shell IN ITEMS bash zsh fish)
  execute_process(COMMAND "${COMMAND}" completions ${shell} OUTPUT_FILE "${FOLDER}/larder.${shell}" RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "larder: ${COMMAND} completions ${shell} ended with ${code}")
  endif()
endforeach()
