import Foundation
import NeuralNet
import Testing

@Suite("Safetensors")
struct SafetensorsTests {
    static let tensors = [
        "a.weight": Tensor(shape: [2, 3], values: [1, -2, 3.5, 0, .leastNonzeroMagnitude, 6]),
        "b": Tensor(shape: [1], values: [7]),
    ]

    @Test("what is written is read, byte for byte the same each time")
    func roundTrip() throws {
        let file = try Safetensors.encode(Self.tensors, metadata: ["format": "contourd"])
        #expect(try Safetensors.encode(Self.tensors, metadata: ["format": "contourd"]) == file)
        let read = try Safetensors.decode(file)
        #expect(read.tensors == Self.tensors)
        #expect(read.metadata == ["format": "contourd"])
    }

    @Test("every truncation is refused")
    func truncated() throws {
        let file = try Safetensors.encode(Self.tensors)
        for length in 0..<file.count {
            #expect(throws: NetworkError.self) { try Safetensors.decode(file.prefix(length)) }
        }
    }

    @Test("flipped bytes are read or refused, never a crash")
    func flipped() throws {
        let file = try Safetensors.encode(Self.tensors)
        for position in 0..<file.count {
            for bit in 0..<8 {
                var damaged = file
                damaged[position] ^= 1 << UInt8(bit)
                do {
                    let read = try Safetensors.decode(damaged)
                    #expect(read.tensors.count <= 3)
                } catch {
                    #expect(error.description.contains("cannot be read"))
                }
            }
        }
    }
}
