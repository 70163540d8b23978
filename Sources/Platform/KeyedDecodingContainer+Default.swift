extension KeyedDecodingContainer {
    /// Reads the value of a key where there is one; else `value` keeps its default.
    package func read<Value: Decodable>(_ key: Key, into value: inout Value) throws {
        if let read = try decodeIfPresent(Value.self, forKey: key) { value = read }
    }
}
