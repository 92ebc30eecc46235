/** Secrets by their id: a text, or a mapping with `username` and `password`, or one with `file`. */
class Credentials {
    private final Build build

    Credentials(Build build) { this.build = build }

    /** What `NAME = credentials(ID)` sets, and what of it is hidden. */
    List whole(String id, String name) {
        def secret = find(id, null)
        if (secret instanceof String) return [[(name): secret], [secret]]
        if (secret.file) return [[(name): written(secret)], []]
        def pair = "$secret.username:$secret.password" as String
        [[(name): pair, (name + '_USR'): secret.username, (name + '_PSW'): secret.password], [pair, secret.password]]
    }

    /** Runs the body with the bindings' variables. They are hidden in what it says, and not after it. */
    def bound(List<Map> bindings, Closure body) {
        def (variables, secrets, files) = [[:], [], []]
        bindings.each {
            def secret = find(it.credentialsId, it.kind)
            if (it.kind == 'pair') variables << [(it.usernameVariable): secret.username, (it.passwordVariable): secret.password]
            else if (it.kind == 'file') files << (variables[it.variable] = written(secret))
            else variables[it.variable] = secret
            secrets << (it.kind == 'pair' ? secret.password : it.kind == 'file' ? variables[it.variable] : secret)
        }
        build.log("Masking supported pattern matches of ${variables.keySet().collect { '$' + it }.join(' or ')}")
        try {
            build.within(env: build.here().env + variables, secrets: build.here().secrets + secrets, body)
        } finally {
            files.each { new File(it).delete() }
        }
    }

    /** Jenkins's warning about secrets that Groovy has put into a script. */
    void warn(CharSequence script) {
        if (script instanceof GString && script.values.any { value -> build.here().secrets.any { "$value".contains(it) } })
            build.log('Warning: A secret was passed to "sh" using Groovy String interpolation, which is insecure.')
    }

    private find(String id, String kind) {
        def secret = build.request.credentials[id]
        if (secret == null) throw new RuntimeException("Could not find credentials entry with ID '$id'")
        def found = secret instanceof String ? 'text' : secret.file ? 'file' : 'pair'
        if (kind && kind != found) throw new RuntimeException("Credentials '$id' is a $found where a $kind was expected")
        secret
    }

    private String written(Map secret) {
        def file = File.createTempFile('secret', '', new File(build.workspace.path + '@tmp'))
        file.text = secret.file
        file.path
    }
}
