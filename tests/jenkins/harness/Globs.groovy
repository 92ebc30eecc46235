/** Ant's patterns: `*` within a folder, `**` across folders, a trailing slash for all below. */
class Globs {
    static boolean matches(String glob, String path) {
        if (glob.endsWith('/')) glob += '**'
        path ==~ glob.split(/(?<=\*\*\/)|(?=\*\*\/)/).collect { part ->
            part == '**/' ? '(?:.*/)?' : part.replaceAll(/\*\*|\*|\?|[^*?]+/) { ['**': '.*', '*': '[^/]*', '?': '[^/]'][it] ?: java.util.regex.Pattern.quote(it) }
        }.join('')
    }

    /** The files below a folder that one of the patterns, separated by commas, fits. */
    static List<File> files(File folder, String globs) {
        def found = []
        if (folder.directory) folder.eachFileRecurse(groovy.io.FileType.FILES) { file ->
            def path = folder.toPath().relativize(file.toPath()).toString()
            if (globs.split(/\s*,\s*/).any { matches(it, path) }) found << file
        }
        found.sort()
    }
}
