// Prints the CRC-32 of files, as gzip and zip have it; what the recipe of a prebuilt program is shown with.
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

std::uint32_t crc32(const std::string& data) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (unsigned char byte : data) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
        }
    }
    return ~crc;
}

std::string read(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(std::string("cannot read ") + path);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int count, char** arguments) {
    // A status that no shell gives to programs that it cannot start.
    if (count == 2 && std::strcmp(arguments[1], "--self-test") == 0) {
        return crc32("123456789") == 0xCBF43926 ? 41 : 1;
    }
    try {
        for (int i = 1; i < count; ++i) {
            std::cout << std::hex << std::setw(8) << std::setfill('0') << crc32(read(arguments[i])) << "  "
                      << arguments[i] << '\n';
        }
    } catch (const std::exception& error) {
        std::cerr << "crc32: " << error.what() << '\n';
        return 2;
    }
    return 0;
}
