# SQL files as C: awk -f embed.awk api/sql/*.sql > build/statements.c
#
# One literal a line, so that the compiler's messages and the debugger show
# whole lines. Backslash, quote and question mark (trigraphs) are escaped.
# POSIX awk; any locale, because no character is taken apart.

BEGIN {
	if (ARGC < 2) {
		print "embed.awk: no file to embed" > "/dev/stderr"
		failed = 1
		exit 1
	}
	print "/* Made by api/tools/embed.awk from api/sql: do not edit. */"
	print "#include \"../api/embed.h\""
	print ""
	print "/* The bound of ISO C (4095 bytes) is no compiler's own. */"
	print "#pragma GCC diagnostic ignored \"-Woverlength-strings\""
	print ""
	print "const struct statement_text statement_texts[] = {"
}

FNR == 1 {
	if (open)
		print "\t},"
	open = 1
	file = FILENAME
	sub(/.*\//, "", file)
	print "\t{"
	print "\t    \"" file "\","
	print "\t    \"\""
}

{
	gsub(/[\\"?]/, "\\\\&")
	print "\t    \"" $0 "\\n\""
}

END {
	if (failed)
		exit 1
	if (open)
		print "\t},"
	print "};"
	print ""
	print "const size_t n_statement_texts ="
	print "    sizeof(statement_texts) / sizeof(statement_texts[0]);"
}
