import groovy.json.JsonOutput
import groovy.json.JsonSlurper

// Requests come as JSON, one a line, and so do the answers: any number of builds in one virtual machine, at once.
def home = new File(args[0])
def answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, 'UTF-8')
def answer = { Map words -> synchronized (answers) { answers.println(JsonOutput.toJson(words)) } }
System.out = System.err
def builds = [:]
// A session that was killed leaves no build behind.
Runtime.runtime.addShutdownHook(new Thread({ Processes.end("DEPLOYER_HARNESS=$home.path", 0) } as Runnable))

System.in.eachLine('UTF-8') { line ->
    def request = new JsonSlurper().parseText(line)
    switch (request.do) {
        case 'check':
            answer(id: request.id, event: 'finished', complaints: Grammar.complaints(request.text))
            break
        case 'run':
            request.env.DEPLOYER_HARNESS = home.path
            def build = builds[request.id] = new Build(request, home)
            answer(id: request.id, event: 'started', number: build.number, folder: build.folder.path)
            Thread.start { answer([id: request.id, event: 'finished'] + build.run()) }
            break
        case 'abort':
            builds[request.id].log('Aborted by somebody')
            builds[request.id].scope.interrupt(new Interruption('ABORTED', 'Aborted by somebody'))
    }
}
System.exit(0)
