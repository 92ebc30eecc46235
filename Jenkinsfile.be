// The back end: the sequence of stages and nothing else. What a stage does is in the deployer.
pipeline {
    agent any
    options {
        disableConcurrentBuilds()
        timeout(time: 30, unit: 'MINUTES')
        buildDiscarder(logRotator(numToKeepStr: '20'))
    }
    triggers { githubPush() }
    stages {
        stage('Build') { steps { sh 'python3 -m deployer build' } }
        stage('Deploy') { steps { sh 'python3 -m deployer rollout --lock-wait 10m' } }
        stage('Prune') { steps { sh 'python3 -m deployer prune' } }
    }
    post {
        unsuccessful { sh 'python3 -m deployer recover' }
    }
}
