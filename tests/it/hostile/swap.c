/* Has two names change places for ever, as fast as the kernel lets them.
 *   swap ONE OTHER */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

int main(int count, char **names) {
    while (count == 3 && !renameat2(AT_FDCWD, names[1], AT_FDCWD, names[2], RENAME_EXCHANGE)) {}
    perror("swap");
    return 1;
}
