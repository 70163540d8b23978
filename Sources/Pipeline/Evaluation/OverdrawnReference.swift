import Report

extension CaseReport.Finding {
    /// A structure of a reference with contours that cancel each other out.
    static func overdrawn(_ structure: (name: String, sentence: String)) -> CaseReport.Finding {
        .init(
            severity: .review,
            code: "W_REFERENCE_OVERDRAWN",
            structure: structure.name,
            message: structure.sentence + ".",
            hint: """
                Look at it in the planning system and delete the contours that are there twice; until then its scores mean \
                nothing.
                """,
            details: []
        )
    }
}
