// The back end: the sequence of stages and nothing else. What a stage does is in pipelines/backend.py.
// Parameters reach the stages through the environment: nothing that somebody typed becomes part of a shell's line.
pipeline {
    agent any
    options {
        buildDiscarder(logRotator(numToKeepStr: '20'))
        disableConcurrentBuilds()
        skipDefaultCheckout()
        timeout(time: 60, unit: 'MINUTES')
    }
    triggers { githubPush() }
    parameters {
        string(name: 'PIPELINE_ENVIRONMENT', defaultValue: '', trim: true,
               description: 'Environment of config.yaml; empty for its base.')
        choice(name: 'PIPELINE_STRATEGY', choices: ['', 'blue-green', 'recreate'],
               description: 'In place of rollout.strategy; empty for what config.yaml says.')
        booleanParam(name: 'PIPELINE_FORCE', defaultValue: false,
                     description: 'Run also what has not changed.')
        string(name: 'PIPELINE_ROLLBACK_TO', defaultValue: '', trim: true,
               description: 'Release to go back to; nothing is built then.')
    }
    environment {
        DEPLOYER_ENV = "${params.PIPELINE_ENVIRONMENT}"
        PYTHONUNBUFFERED = '1'
        PYTHONUTF8 = '1'
    }
    stages {
        stage('checkout') {
            steps {
                checkout scm
                sh 'python3 -m pipelines backend checkout'
            }
        }
        stage('release') {
            // A push that touches nothing of the back end releases nothing, unless the build before left work to do.
            when {
                beforeOptions true
                anyOf {
                    triggeredBy 'UserIdCause'
                    expression { currentBuild.previousBuild?.result != 'SUCCESS' }
                    changeset 'app/**'
                    changeset 'deployer/**'
                    changeset 'pipelines/**'
                    changeset 'scripts/**'
                    changeset 'templates/**'
                    changeset 'config.yaml'
                    changeset 'setup.py'
                    changeset 'Jenkinsfile.be'
                }
            }
            // The front end's has the same: one host, one release at a time.
            options { lock('deployment') }
            stages {
                stage('build') { steps { sh 'python3 -m pipelines backend build' } }
                stage('test') { steps { sh 'python3 -m pipelines backend test' } }
                stage('containerize') { steps { sh 'python3 -m pipelines backend containerize' } }
                stage('redeploy') {
                    steps {
                        milestone 1
                        withCredentials([string(credentialsId: 'gemini-api-key', variable: 'GEMINI_API_KEY')]) {
                            sh 'python3 -m pipelines backend redeploy'
                        }
                    }
                }
                stage('prune') { steps { sh 'python3 -m pipelines backend prune' } }
            }
            // Jenkins kills what it aborts after five seconds, so that nothing can clean up after itself. Here the
            // lock is still held, and after a timeout this has a minute.
            post { unsuccessful { sh 'python3 -m deployer recover' } }
        }
    }
    post {
        always {
            sh 'python3 -m pipelines backend report'
            junit testResults: 'build/reports/backend.xml', allowEmptyResults: true
            publishHTML target: [reportName: 'Pipeline', reportDir: 'build/reports', reportFiles: 'backend.html',
                                 keepAll: true, alwaysLinkToLastBuild: true, allowMissing: true]
        }
    }
}
