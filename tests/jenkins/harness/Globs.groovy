import java.util.regex.Pattern

/** Ant's patterns: `*` within a folder, `**` across folders, a trailing slash for all below. */
class Globs {
    private static final Map<String, String> WILD = ['**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]']

    static boolean matches(String glob, String path) {
        if (glob.endsWith('/')) glob += '**'
        path ==~ glob.replaceAll(/\*\*\/|\*\*|\*|\?|[^*?]+/) { WILD[it] ?: Pattern.quote(it) }
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
