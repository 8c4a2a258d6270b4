/* A program for the contract tests: each verb shows one thing that an executor must get right. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int print_environment(void) {
    for (char **entry = environ; *entry; entry++) puts(*entry);
    return 0;
}

static int print_directory(void) {
    char name[4096];
    puts(getcwd(name, sizeof name) ? name : "?");
    return 0;
}

static int write_bytes(void) {
    for (int round = 0; round < 4096; round++)
        for (int byte = 0; byte < 256; byte++) {
            putchar(byte);
            putc(255 - byte, stderr);
        }
    return 0;
}

/* Two processes that write for ever; the parent's death alone does not end the child. */
static int chatter(const char *file) {
    pid_t child = fork();
    for (unsigned long count = 0;; count++) {
        fprintf(child ? stdout : stderr, "%lu\n", count);
        FILE *stream = child ? NULL : fopen(file, "w");
        if (stream) {
            fprintf(stream, "%lu\n", count);
            fclose(stream);
        }
    }
}

static int write_file(const char *name, const char *text) {
    FILE *stream = fopen(name, "w");
    if (!stream) {
        perror(name);
        return 1;
    }
    fputs(text, stream);
    return fclose(stream);
}

static int copy_to_stdout(const char *name) {
    char line[4096];
    FILE *stream = fopen(name, "r");
    if (!stream) {
        perror(name);
        return 1;
    }
    while (fgets(line, sizeof line, stream)) fputs(line, stdout);
    return fclose(stream);
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "";
    if (!strcmp(verb, "env")) return print_environment();
    if (!strcmp(verb, "cwd")) return print_directory();
    if (!strcmp(verb, "bytes")) return write_bytes();
    if (!strcmp(verb, "exit")) return atoi(words[2]);
    if (!strcmp(verb, "raise")) return raise(atoi(words[2]));
    if (!strcmp(verb, "fault")) return *(volatile int *)(size_t)(count - 3);
    if (!strcmp(verb, "chatter")) return chatter(words[2]);
    if (!strcmp(verb, "write")) return write_file(words[2], words[3]);
    if (!strcmp(verb, "read")) return copy_to_stdout(words[2]);
    if (!strcmp(verb, "sleep")) return (int)sleep((unsigned)atoi(words[2]));
    return 99;
}
